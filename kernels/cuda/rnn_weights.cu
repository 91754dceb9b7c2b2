#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/rnn_weights.cuh"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

/// One thread per element of the packed form.
struct PackWeightsBody {
  WeightOrder order;
  int piece;  // elements
  DType from_dtype, to_dtype;
  const void* from;
  void* to;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t at = order.source(i, piece);
    store_float(to, to_dtype, i, at < 0 ? 0.0f : load_float(from, from_dtype, at));
  }
};

void enqueue_pack(const Queue& queue, const WeightOrder& order, DType from_dtype, const void* from,
                  DType to_dtype, void* to) {
  const int piece = static_cast<int>(sizeof(WeightPiece<float>) / size_of(to_dtype));
  launch_each(queue, order.elements(),
              PackWeightsBody{order, piece, from_dtype, to_dtype, from, to});
}

std::size_t packed_bytes(const WeightOrder& order, DType storage) {
  return static_cast<std::size_t>(order.elements()) * size_of(storage);
}

/// Null if an element is beyond the range of `storage`.
std::shared_ptr<const void> pack_constant(const Tensor& weights, const WeightOrder& order,
                                          DType storage, const Device& device) {
  const Tensor narrow = weights.dtype() == storage ? weights : rounded(weights, storage);
  if (narrow.empty()) return nullptr;
  const OnDevice scope(&device);
  const std::shared_ptr<const void> plain = uploaded(narrow, device);
  std::shared_ptr<std::byte> packed =
      device.allocate(packed_bytes(order, storage), MemoryKind::device);
  const std::unique_ptr<Stream> stream = device.make_stream();
  enqueue_pack({*stream}, order, storage, plain.get(), storage, packed.get());
  stream->wait();
  return packed;
}

}  // namespace

bool RecurrentWeights::set(const Site& site, const WeightOrder& order, DType storage,
                           const Device& device) {
  order_ = order;
  from_ = site.in[2].dtype;
  storage_ = storage;
  const Tensor* constant = site.constants[2];
  if (constant == nullptr) return true;
  const auto pack = [&] { return pack_constant(*constant, order, storage, device); };
  const std::string layout = std::string("cuda rnn ") + name_of(storage) + " " +
                             std::to_string(order.per_lane) + " " + std::to_string(order.lanes);
  packed_ = site.packs == nullptr ? pack() : site.packs->get(*constant, layout, pack);
  return packed_ != nullptr;
}

std::size_t RecurrentWeights::workspace() const {
  return constant() ? 0 : align_up(packed_bytes(order_, storage_));
}

const void* RecurrentWeights::bring(const Queue& queue, const void* weights,
                                    std::byte* room) const {
  if (constant()) return packed_.get();
  enqueue_pack(queue, order_, from_, weights, storage_, room);
  return room;
}

}  // namespace thaw::cuda
