#include "runtime/exec/node_kernels.h"

#include <algorithm>
#include <cstring>

#include "runtime/ir/infer.h"
#include "runtime/plan/lifetimes.h"

namespace thaw {
namespace {

constexpr std::size_t kMaxPrepared = 4;  // per node

bool same_elements(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return false;
  if (a.dtype() == DType::string) return false;  // no op has such host operands
  return a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

bool all_static(const std::vector<TensorType>& types) {
  return std::all_of(types.begin(), types.end(), [](const TensorType& type) {
    return type.shape.is_static() && size_of(type.dtype) != 0;
  });
}

bool all_empty(const std::vector<TensorType>& types) {
  return std::all_of(types.begin(), types.end(),
                     [](const TensorType& type) { return type.shape.num_elements() == 0; });
}

}  // namespace

NodeKernels::NodeKernels(const Graph& graph, const Node& node) : graph_(graph), node_(node) {
  for (ValueId input : node.inputs) constants_.push_back(constant_of(graph, input));
  for (int operand : host_operands(node.op)) {
    const auto i = static_cast<std::size_t>(operand);
    if (i < constants_.size() && constants_[i] == nullptr) host_.push_back(i);
  }
}

bool NodeKernels::matches(const Prepared& prepared, std::span<const Tensor* const> operands) const {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (prepared.in[i] != operands[i]->type()) return false;
  }
  for (std::size_t i = 0; i < host_.size(); ++i) {
    if (!same_elements(prepared.host[i], *operands[host_[i]])) return false;
  }
  return true;
}

const Prepared& NodeKernels::get(std::span<const Tensor* const> operands, const Backend& backend,
                                 PackCache* packs, int threads) {
  for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
    if (!matches(*entry, operands)) continue;
    recent_.splice(recent_.begin(), recent_, entry);
    return recent_.front();
  }
  recent_.push_front(prepare(operands, backend, packs, threads));
  if (recent_.size() > kMaxPrepared) recent_.pop_back();
  return recent_.front();
}

Prepared NodeKernels::prepare(std::span<const Tensor* const> operands, const Backend& backend,
                              PackCache* packs, int threads) const {
  Prepared prepared;
  for (const Tensor* operand : operands) prepared.in.push_back(operand->type());
  for (std::size_t i : host_) prepared.host.push_back(operands[i]->clone());
  std::vector<const Tensor*> constants = constants_;
  for (std::size_t i = 0; i < host_.size(); ++i) constants[host_[i]] = &prepared.host[i];

  std::vector<Operand> typed;
  for (std::size_t i = 0; i < operands.size(); ++i) typed.push_back({prepared.in[i], constants[i]});
  std::vector<TensorType> out =
      infer(node_.op, typed, static_cast<int>(node_.outputs.size()), &graph_);
  const bool on_host = std::holds_alternative<ops::HostCall>(node_.op);
  if (on_host || is_data_dependent(node_.op) || !all_static(out)) return prepared;
  prepared.out = std::move(out);
  if (is_view(node_.op, prepared.in, prepared.out, constants)) {
    prepared.kind = Prepared::Kind::view;
    return prepared;
  }
  prepared.kind = Prepared::Kind::kernel;
  if (all_empty(prepared.out)) return prepared;
  prepared.kernel =
      backend.prepare({node_.op, prepared.in, prepared.out, constants, packs, threads});
  if (prepared.kernel == nullptr) prepared.kind = Prepared::Kind::evaluate;
  return prepared;
}

}  // namespace thaw
