#include "runtime/plan/prepare.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <set>

#include "runtime/base/check.h"
#include "runtime/base/thread_pool.h"

namespace thaw {
namespace {

constexpr std::size_t kLeastAhead = std::size_t{1} << 20;  // bytes; worth the start of a thread

bool packs_weights(const Op& op) {
  return std::holds_alternative<ops::MatMul>(op) || std::holds_alternative<ops::Conv>(op) ||
         std::holds_alternative<ops::ConvTranspose>(op) || std::holds_alternative<ops::Rnn>(op) ||
         std::holds_alternative<ops::ConvLstm>(op) || std::holds_alternative<ops::Einsum>(op);
}

/// Of the constants among the node's operands that were not packed before.
std::size_t bytes_to_pack(const Preparation& preparation, const Node& node,
                          std::set<const void*>& counted) {
  if (!packs_weights(node.op)) return 0;
  std::size_t bytes = 0;
  for (const ValueId input : node.inputs) {
    const Tensor* constant = constant_of(preparation.graph, input);
    if (constant == nullptr || preparation.packs->holds(*constant)) continue;
    if (counted.insert(constant->identity()).second) bytes += constant->size_bytes();
  }
  return bytes;
}

}  // namespace

std::string describe(const Node& node) {
  return fmt::format("node '{}' ({})", printable(node.name), name_of(node.op));
}

std::unique_ptr<Kernel> prepare(const Preparation& preparation, const Node& node) {
  const Graph& graph = preparation.graph;
  std::vector<TensorType> in, out;
  std::vector<const Tensor*> constants;
  for (const ValueId input : node.inputs) {
    in.push_back(graph.values[at(input)].type);
    constants.push_back(constant_of(graph, input));
  }
  for (const ValueId output : node.outputs) out.push_back(graph.values[at(output)].type);
  try {
    return preparation.backend.prepare(
        {node.op, in, out, constants, preparation.packs, preparation.threads});
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", describe(node), error.what()));
  }
}

std::vector<std::unique_ptr<Kernel>> prepare_packed(const Preparation& preparation,
                                                    const std::vector<NodeId>& nodes) {
  std::vector<std::unique_ptr<Kernel>> kernels(preparation.graph.nodes.size());
  if (preparation.packs == nullptr) return kernels;
  struct Packed {
    NodeId node;
    std::size_t bytes;
  };
  std::vector<Packed> packed;
  std::set<const void*> counted;
  std::size_t bytes = 0;
  for (const NodeId id : nodes) {
    const std::size_t own = bytes_to_pack(preparation, preparation.graph.nodes[at(id)], counted);
    if (own > 0) packed.push_back({id, own});
    bytes += own;
  }
  if (bytes < kLeastAhead) return kernels;
  std::stable_sort(packed.begin(), packed.end(),
                   [](const Packed& a, const Packed& b) { return a.bytes > b.bytes; });
  // One large matrix has huge pages of its own, and would leave room in the block that is wasted.
  const bool many = packed[0].bytes <= bytes / 2;
  if (many && preparation.packs->storage() == WeightStorage::f32) preparation.packs->expect(bytes);
  ThreadPool pool(packed.size() == 1 ? 1 : preparation.threads);
  std::atomic<std::size_t> next = 0;  // one by one: they differ in size
  pool.parallel_for(pool.threads(), 1, [&](std::int64_t, std::int64_t) {
    for (std::size_t i = next++; i < packed.size(); i = next++) {
      const NodeId id = packed[i].node;
      try {
        kernels[at(id)] = prepare(preparation, preparation.graph.nodes[at(id)]);
      } catch (const std::exception&) {
        // Met again, in the nodes' order, by who prepares it for its step.
      }
    }
  });
  return kernels;
}

}  // namespace thaw
