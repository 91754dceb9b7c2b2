#include "kernels/host_call.h"
#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"
#include "runtime/base/memory.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

std::vector<TensorType> infer_results(const Op& op, const std::vector<Tensor>& inputs,
                                      int outputs) {
  std::vector<Operand> operands;
  for (const Tensor& input : inputs) operands.push_back({input.type(), &input});
  return infer(op, operands, outputs, nullptr);
}

std::vector<TensorType> result_types(const Op& op, const std::vector<Tensor>& inputs, int outputs) {
  std::vector<TensorType> types = infer_results(op, inputs, outputs);
  for (const TensorType& type : types) {
    THAW_CHECK(type.shape.is_static(), "{} of known operands gives {}", name_of(op),
               to_string(type));
  }
  return types;
}

std::vector<View> views_of(const std::vector<Tensor>& tensors,
                           const std::vector<TensorType>& types) {
  std::vector<View> views;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    views.push_back({const_cast<void*>(tensors[i].data()), &types[i]});
  }
  return views;
}

}  // namespace

std::vector<Tensor> evaluate(const Op& op, const std::vector<Tensor>& inputs, int outputs,
                             PackCache* packs) {
  if (std::holds_alternative<ops::Where>(op)) {
    THAW_CHECK(inputs.size() == 1 && outputs == 1, "where has one operand and one result");
    return {reference::where(inputs[0])};
  }
  if (const auto* call = std::get_if<ops::HostCall>(&op)) {
    return run_host_call(*call, inputs, infer_results(op, inputs, outputs), packs);
  }
  const std::vector<TensorType> out_types = result_types(op, inputs, outputs);
  std::vector<TensorType> in_types;
  std::vector<const Tensor*> constants;
  for (const Tensor& input : inputs) {
    in_types.push_back(input.type());
    constants.push_back(&input);
  }
  const Site site{op, in_types, out_types, constants};
  const std::unique_ptr<Kernel> kernel = reference_backend().prepare(site);
  if (kernel == nullptr) {
    fail(ErrorCode::unimplemented, "{} of {}", name_of(op),
         in_types.empty() ? "nothing" : to_string(in_types[0]));
  }
  std::vector<Tensor> results;
  for (const TensorType& type : out_types) results.emplace_back(type.dtype, type.shape);
  const AlignedBytes workspace = allocate_aligned(kernel->workspace());
  ThreadPool pool(1);
  const std::vector<View> in = views_of(inputs, in_types), out = views_of(results, out_types);
  kernel->run({in, out, workspace.get(), &pool});
  return results;
}

}  // namespace thaw
