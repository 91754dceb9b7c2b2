#include "thaw/weights.h"

#include <map>
#include <mutex>

#include "loaders/stored_arrays.h"
#include "runtime/base/check.h"

namespace thaw {

struct WeightStore::Impl {
  WeightsFile file;
  std::vector<TensorSpec> arrays;
  std::map<std::string, std::size_t> by_name;
  mutable std::mutex mutex;  // guards file: readers are for one thread at a time
};

WeightStore::WeightStore(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

WeightStore WeightStore::open(const std::string& path, const Limits& limits) {
  auto impl = std::make_shared<Impl>();
  impl->file = open_weights(path, limits);
  for (const std::string& name : impl->file.arrays->names()) {
    TensorSpec spec{name, {}};
    try {
      spec.type = impl->file.arrays->type(name);
    } catch (const Error& error) {
      // A type that Thaw does not have is listed as invalid; reading the array says which it is.
      if (error.code() != ErrorCode::unimplemented) throw;
    }
    impl->by_name.emplace(name, impl->arrays.size());
    impl->arrays.push_back(std::move(spec));
  }
  return WeightStore(std::move(impl));
}

const std::string& WeightStore::format() const { return impl_->file.format; }
const std::vector<TensorSpec>& WeightStore::arrays() const { return impl_->arrays; }
bool WeightStore::contains(const std::string& name) const {
  return impl_->by_name.find(name) != impl_->by_name.end();
}

Tensor WeightStore::read(const std::string& name) const {
  if (!contains(name)) {
    fail(ErrorCode::not_found, "{}: there is no array '{}'", impl_->file.arrays->path(),
         printable(name));
  }
  const std::lock_guard lock(impl_->mutex);
  // The caller may keep it longer than the file: no memory of the file is lent out.
  return impl_->file.arrays->read(name).clone();
}

}  // namespace thaw
