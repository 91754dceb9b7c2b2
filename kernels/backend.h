// A device that can run ops.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "thaw/options.h"

namespace thaw {

/// Packed weights by (the weights' address, layout name). Thread-safe. Keeps the source tensor
/// alive.
class PackCache {
 public:
  /// `storage`: the form in which kernels that can are to keep the weights here.
  explicit PackCache(WeightStorage storage = WeightStorage::f32) : storage_(storage) {}
  WeightStorage storage() const { return storage_; }

  /// The packed form, made by `pack` on first use.
  std::shared_ptr<const void> get(const Tensor& source, const std::string& layout,
                                  const std::function<std::shared_ptr<const void>()>& pack);
  /// Memory for a packed form, as allocate_aligned() gives it.
  std::shared_ptr<std::byte> allocate(std::size_t bytes);
  /// About so many bytes are packed next: one block for all, so that most of it lies in huge pages,
  /// a fault for each instead of one for every 4 KiB. What is not used never becomes resident.
  void expect(std::size_t bytes);
  /// Whether some form of `source` is here.
  bool holds(const Tensor& source) const;
  std::size_t size() const;
  /// Spent in `pack` so far, by all threads together.
  double pack_ms() const { return static_cast<double>(pack_nanoseconds_) * 1e-6; }

 private:
  struct Entry {
    Tensor source;
    std::shared_ptr<const void> packed;
  };
  const WeightStorage storage_;
  std::atomic<std::int64_t> pack_nanoseconds_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<const void*, std::string>, Entry> entries_;
  std::shared_ptr<std::byte> block_;
  std::size_t block_bytes_ = 0, block_used_ = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  /// A kernel for the site, or null if this backend has none for these types.
  /// Throws Error(unimplemented) only for what no backend could ever run.
  virtual std::unique_ptr<Kernel> prepare(const Site& site) const = 0;
  /// Worth its while here: an elementwise op made of this unary or binary and others like it, or
  /// this attention in place of the nodes that spell it out, or a pool as part of a conv.
  virtual bool fuses(const Op&, DType) const { return false; }
};

/// Every op, plain loops, in the operands' own types: the oracle. Never destroyed.
const Backend& reference_backend();
/// The hot ops vectorised; everything else from the reference backend. Never destroyed.
const Backend& cpu_backend();

/// Runs one op on host tensors, data-dependent ops (where) included, on the reference backend.
/// Throws Error(unimplemented) if there is no kernel. Control flow and lists are the interpreter's.
/// `packs` may be null: host functions then keep nothing.
std::vector<Tensor> evaluate(const Op& op, const std::vector<Tensor>& inputs, int outputs,
                             PackCache* packs = nullptr);

}  // namespace thaw
