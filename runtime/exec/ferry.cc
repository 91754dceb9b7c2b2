#include "runtime/exec/ferry.h"

#include "runtime/base/check.h"

namespace thaw {

Ferry::Ferry(const Device& device) : stream_(device.make_stream()) {}

std::vector<Tensor> Ferry::fetch(std::span<const DeviceTensor> tensors, void* stream) {
  std::vector<Tensor> fetched;
  fetched.reserve(tensors.size());  // copies write into them until the wait
  stream_->follow(stream);
  for (const DeviceTensor& tensor : tensors) {
    Tensor& host = fetched.emplace_back(tensor.type.dtype, tensor.type.shape);
    if (host.size_bytes() == 0) continue;
    stream_->copy(host.mutable_data(), tensor.data.get(), host.size_bytes());
  }
  stream_->wait();
  return fetched;
}

void Ferry::bring(std::span<const Tensor> from, std::span<const DeviceTensor> to) {
  THAW_CHECK(from.size() == to.size(), "{} tensors into {}", from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i].size_bytes() == 0) continue;
    stream_->copy(to[i].data.get(), from[i].data(), from[i].size_bytes());
  }
  stream_->wait();
}

}  // namespace thaw
