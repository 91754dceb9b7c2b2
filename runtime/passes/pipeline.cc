// The shape-free passes in the order in which they run.
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

struct Pass {
  const char* name;
  bool (*run)(Graph&);
};

// Functions, normalizations and softmaxes are recognised as they were written, before folding and
// fusion take their ends away. Folding and bias fusion stand before activation fusion: nothing is
// folded behind an activation.
// clang-format off
constexpr Pass kPasses[] = {
    {"remove_identities", remove_identities},
    {"fuse_dilation", fuse_dilation},
    {"fuse_pad", fuse_pad},
    {"fuse_functions", fuse_functions},
    {"fuse_normalization", fuse_normalization},
    {"fuse_softmax", fuse_softmax},
    {"simplify_masks", simplify_masks},
    {"fuse_gather", fuse_gather},
    {"fuse_transpose", fuse_transpose},
    {"sink_views", sink_views},
    {"fold_batch_norm", fold_batch_norm},
    {"fuse_bias", fuse_bias},
    {"fuse_activation", fuse_activation},
    {"eliminate_common_subexpressions", eliminate_common_subexpressions},
    {"remove_dead_code", remove_dead_code},
};
constexpr Pass kShapedPasses[] = {
    {"remove_identities", remove_identities},
    {"fuse_dilation", fuse_dilation},
    {"fuse_pad", fuse_pad},
    {"fuse_moments", fuse_moments},
    {"fuse_normalization", fuse_normalization},
    {"simplify_masks", simplify_masks},
    {"fuse_gather", fuse_gather},
    {"fuse_einsum", fuse_einsum},
    {"fuse_transpose", fuse_transpose},
    {"sink_views", sink_views},
    {"fuse_bias", fuse_bias},
    {"fuse_activation", fuse_activation},
};
// clang-format on

/// Every pass makes the graph smaller, so that few rounds do; a bound guards against two that
/// disagree.
constexpr int kMaxPipelineRounds = 16;

}  // namespace

void run_pipeline(Graph& graph, const PipelineOptions& options) {
  if (options.verify_after_each) verify(graph, "before the passes");
  if (!options.optimize) return;
  for (int round = 0; round < kMaxPipelineRounds; ++round) {
    bool changed = false;
    for (const Pass& pass : kPasses) {
      changed = pass.run(graph) || changed;
      if (options.verify_after_each) verify(graph, std::string("after ") + pass.name);
    }
    if (!changed) return;
  }
}

void run_shaped_pipeline(Graph& graph) {
  for (int round = 0; round < kMaxPipelineRounds; ++round) {
    bool changed = false;
    for (const Pass& pass : kShapedPasses) changed = pass.run(graph) || changed;
    if (!changed) return;
  }
}

}  // namespace thaw
