// A row of the case table on a device.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device.h"
#include "runtime/ir/infer.h"
#include "tests/cases/cases.h"
#include "tests/kernels/judge.h"

namespace thaw::test {

/// One op on the device: types, kernel, memory.
class DeviceOp {
 public:
  DeviceOp(const DeviceBackend& backend, const OpCase& row, std::vector<Tensor> operands,
           PackCache* packs = nullptr)
      : row_(row), backend_(backend), in_(std::move(operands)) {
    std::vector<const Tensor*> known(in_.size(), nullptr);
    for (const int i : constant_operands(row)) known[at(i)] = &in_[at(i)];
    for (const int i : host_operands(row.op)) {
      if (at(i) < known.size()) known[at(i)] = &in_[at(i)];
    }
    std::vector<Operand> typed;
    for (std::size_t i = 0; i < in_.size(); ++i) {
      in_types_.push_back(in_[i].type());
      typed.push_back({in_[i].type(), known[i]});
    }
    out_types_ = infer(row.op, typed, row.results, nullptr);
    kernel_ = backend_.prepare({row.op, in_types_, out_types_, known, packs, 1});
  }

  const DeviceKernel* kernel() const { return kernel_.get(); }

  /// `met`, if given, is the fault that the kernel met, else there must be none.
  std::vector<Tensor> run(Fault* met = nullptr) const {
    const Device& device = backend_.device();
    const std::unique_ptr<Stream> stream = device.make_stream();
    std::vector<std::shared_ptr<std::byte>> memory;
    std::vector<View> in, out;
    const std::vector<int> host = host_operands(row_.op);
    for (std::size_t i = 0; i < in_.size(); ++i) {
      memory.push_back(device.allocate(in_[i].size_bytes() + 1, MemoryKind::device));
      const bool there = std::find(host.begin(), host.end(), static_cast<int>(i)) == host.end();
      // What a kernel may not read of host operands is not there.
      if (there) stream->copy_to_device(memory[i].get(), in_[i].data(), in_[i].size_bytes());
      in.push_back({memory[i].get(), &in_types_[i]});
    }
    std::vector<Tensor> results;
    for (const TensorType& type : out_types_) {
      results.emplace_back(type.dtype, type.shape);
      memory.push_back(device.allocate(results.back().size_bytes() + 1, MemoryKind::device));
      out.push_back({memory.back().get(), &type});
    }
    const auto workspace = device.allocate(kernel_->workspace() + 1, MemoryKind::device);
    const auto fault = device.allocate(sizeof(Fault), MemoryKind::device);
    auto* device_fault = reinterpret_cast<Fault*>(fault.get());
    stream->fill_zero(device_fault, sizeof(Fault));
    kernel_->enqueue({in, out, workspace.get(), nullptr}, {*stream, device_fault, 7});
    Fault found;
    stream->copy_to_host(&found, device_fault, sizeof found);
    for (std::size_t i = 0; i < results.size(); ++i) {
      stream->copy_to_host(results[i].mutable_data(), out[i].data, results[i].size_bytes());
    }
    stream->wait();
    if (met != nullptr) {
      *met = found;
    } else {
      EXPECT_EQ(found.kind, Fault::none) << "of step " << found.step;
    }
    return results;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  const OpCase& row_;
  const DeviceBackend& backend_;
  std::vector<Tensor> in_;
  std::vector<TensorType> in_types_, out_types_;
  std::unique_ptr<DeviceKernel> kernel_;
};

/// False if the device has no kernel for the row in this type; else its results are judged against
/// reference float64.
inline bool check_row(const DeviceBackend& backend, const OpCase& row, DType dtype) {
  const std::vector<Tensor> operands = make_operands(row, dtype);
  const DeviceOp op(backend, row, operands);
  if (op.kernel() == nullptr) return false;
  const std::vector<Tensor> expected = expected_results(row, operands), results = op.run();
  const bool special = row.name.find("special") != std::string::npos;
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(judge(results[i], expected[i], limit(row.accuracy, results[i].dtype()), special), "")
        << "result " << i << " by " << op.kernel()->name();
  }
  return true;
}

}  // namespace thaw::test
