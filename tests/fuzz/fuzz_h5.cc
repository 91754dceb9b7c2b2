// HDF5 files: groups, attributes and all datasets. Metadata checksums of the newer format would
// stop most mutations, so that the seeds should hold files of the older one as well.
#include "loaders/source/h5.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace thaw;

void read_tensor(const H5File& file, const std::string& path) {
  const Tensor tensor = file.dataset(path);
  if (tensor.type() != file.dataset_type(path)) std::abort();
  if (tensor.dtype() != DType::string) fuzz::touch(tensor.data(), tensor.size_bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::attempt([&] {
    const auto file = H5File::open(fuzz::copy(data, size), fuzz::small_limits());
    std::vector<std::string> groups = {""};
    fuzz::attempt([&] {
      for (const std::string& name : file->children("")) groups.push_back(name);
    });
    for (const std::string& group : groups) {
      for (const char* name :
           {"model_config", "fixed", "layer_names", "vlen_names", "weight_names", "split_names"}) {
        fuzz::attempt([&] { file->text_attribute(group, name); });
        fuzz::attempt([&] { file->list_attribute(group, name); });
      }
      std::vector<std::string> paths;
      fuzz::attempt([&] { paths = file->datasets(group); });
      for (const std::string& path : paths) fuzz::attempt([&] { read_tensor(*file, path); });
    }
  });
  return 0;
}
