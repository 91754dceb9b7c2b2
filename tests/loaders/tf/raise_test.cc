// Raising is exact or does not happen: after any single change to a recurrent loop, the raised
// graph and the loop still give the same results.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "loaders/tf/finish.h"
#include "loaders/tf/raise_rnn.h"
#include "runtime/exec/evaluator.h"
#include "runtime/verify/compare.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

std::string golden(const std::string& name) {
  const std::string path = THAW_SOURCE_DIR "/tests/golden/" + name + "/saved_model";
  return std::filesystem::exists(path) ? path : path + ".zip";
}

Graph unraised(const std::string& name) {
  LoadOptions options;
  options.raise_recurrent = false;
  LoadedModel model = load_folder(golden(name), options);
  return std::move(model.signatures.at(model.default_signature).graph);
}

// Body of the last loop.
Graph& body_of(Graph& graph) {
  for (auto i = graph.nodes.rbegin(); i != graph.nodes.rend(); ++i) {
    if (const auto* loop = std::get_if<ops::While>(&i->op)) {
      return graph.subgraphs.at(static_cast<std::size_t>(loop->body));
    }
  }
  throw std::runtime_error("no loop");
}

// The case's own inputs, by position.
std::vector<Tensor> inputs_of(const std::string& name, const Graph& graph) {
  const tools::Case test = tools::read_case(THAW_SOURCE_DIR "/tests/golden/" + name);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const DType dtype = graph.values[static_cast<std::size_t>(graph.inputs[i])].type.dtype;
    std::string note;
    inputs.push_back(
        tools::convert_to(test.input_arrays.at(i).second, dtype, graph.input_names[i], note));
  }
  return inputs;
}

// One change: another function, another kind, or operands the other way round.
bool mutate(Node& node, int variant) {
  if (auto* unary = std::get_if<ops::Unary>(&node.op)) {
    constexpr UnaryKind kinds[] = {UnaryKind::softsign, UnaryKind::sigmoid};
    if (unary->fn.kind == kinds[variant]) return false;
    unary->fn = {kinds[variant], 0, 0};
    return true;
  }
  if (auto* binary = std::get_if<ops::Binary>(&node.op)) {
    if (variant == 0) {
      std::swap(node.inputs[0], node.inputs[1]);
      return true;
    }
    if (binary->kind == BinaryKind::mul || binary->kind == BinaryKind::sub) {
      binary->kind = BinaryKind::maximum;
    } else if (binary->kind == BinaryKind::add) {
      binary->kind = BinaryKind::sub;
    } else {
      return false;
    }
    return true;
  }
  if (std::holds_alternative<ops::Split>(node.op)) {
    std::swap(node.outputs[0], node.outputs[variant + 1]);
    return true;
  }
  if (std::holds_alternative<ops::Select>(node.op)) {
    std::swap(node.inputs[variant], node.inputs[2]);
    return variant == 1;
  }
  return false;
}

class Raising : public ::testing::TestWithParam<const char*> {};

TEST_P(Raising, IsExactOrDoesNotHappen) {
  const Graph original = unraised(GetParam());
  const std::vector<Tensor> inputs = inputs_of(GetParam(), original);
  Graph copy = original;
  const std::size_t nodes = body_of(copy).nodes.size();
  int changed = 0, raised_anyway = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    for (int variant = 0; variant < 2; ++variant) {
      Graph loop = original;
      if (!mutate(body_of(loop).nodes[i], variant)) continue;
      std::vector<Tensor> expected;
      Graph raised;
      try {
        normalize(body_of(loop));
        expected = run_graph(loop, inputs);
      } catch (const Error&) {
        continue;  // the change makes no graph, or a loop that does not end well
      }
      ++changed;
      raised = loop;
      std::vector<std::string> notes;
      tf::raise_recurrent(raised, reference_evaluator(), notes);
      tf::drop_unused(raised);
      raised_anyway += count_ops(raised, "while") == 0 ? 1 : 0;
      const auto got = run_graph(raised, inputs);
      for (std::size_t k = 0; k < got.size(); ++k) {
        const Comparison comparison = compare(got[k], expected[k], {1e-4, 1e-5});
        EXPECT_TRUE(comparison.match)
            << GetParam() << ": body node " << i << " '" << body_of(loop).nodes[i].name
            << "' variant " << variant << ": " << comparison.max_abs;
      }
    }
  }
  EXPECT_GT(changed, 8);
  // Swapped operands of sums and products are still the layer; most other changes are not.
  EXPECT_GT(raised_anyway, 0);
  EXPECT_LT(raised_anyway, changed);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, Raising,
    ::testing::Values("keras3/lstm", "keras3/gru", "keras3/simple_rnn", "tfkeras/lstm",
                      "tfkeras/gru", "tfkeras/gru_reset_before", "tfkeras/lstm_hard_sigmoid",
                      "tfkeras/simple_rnn", "keras3/mask_embedding_lstm", "tfkeras/mask_simple_rnn",
                      "keras3/mask_gru_seq", "keras3/rnn_cells", "tfkeras/rnn_cells",
                      "keras3/conv_lstm_saved_model", "tfkeras/conv_lstm_saved_model"),
    [](const auto& param) {
      std::string name = param.param;
      std::replace(name.begin(), name.end(), '/', '_');
      return name;
    });

}  // namespace
}  // namespace thaw::testing
