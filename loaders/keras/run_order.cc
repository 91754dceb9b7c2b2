#include "loaders/keras/run_order.h"

#include <algorithm>
#include <map>

namespace thaw::keras {
namespace {

using Node = std::pair<std::size_t, std::size_t>;  // layer, call

std::vector<Node> parents_of(const ModelConfig& model, const Node& node) {
  std::vector<TensorRef> tensors;
  const Call& call = model.layers[node.first].calls[node.second];
  for (const Argument& argument : call.args) flatten(argument, tensors);
  for (const auto& [key, argument] : call.kwargs) flatten(argument, tensors);
  std::vector<Node> parents;
  for (const TensorRef& tensor : tensors) parents.emplace_back(tensor.layer, tensor.call);
  return parents;
}

// From the inputs to the outputs, each node behind its parents; false if there is a cycle.
bool topological(const ModelConfig& model, std::vector<Node>& nodes) {
  enum class State : std::uint8_t { untouched, open, done };
  std::map<Node, State> states;
  for (const TensorRef& output : model.outputs) {
    std::vector<Node> stack{{output.layer, output.call}};
    while (!stack.empty()) {
      const Node node = stack.back();
      State& state = states[node];
      if (state != State::untouched) {
        if (state == State::open) nodes.push_back(node);
        state = State::done;
        stack.pop_back();
        continue;
      }
      state = State::open;
      const std::vector<Node> parents = parents_of(model, node);
      for (auto parent = parents.rbegin(); parent != parents.rend(); ++parent) {
        const State other = states[*parent];
        if (other == State::open) return false;
        if (other == State::untouched) stack.push_back(*parent);
      }
    }
  }
  return true;
}

// Keras 3.8 and later take the masks off the tensors that go into attention.
bool takes_masks(const LayerConfig& layer) {
  if (layer.class_name == "MultiHeadAttention") return true;
  if (layer.model != nullptr &&
      std::any_of(layer.model->layers.begin(), layer.model->layers.end(), takes_masks)) {
    return true;
  }
  return std::any_of(layer.inner.begin(), layer.inner.end(),
                     [](const auto& inner) { return takes_masks(inner.second); });
}

}  // namespace

bool order_matters(const ModelConfig& model, const Writer& writer) {
  return writer.at_least(3, 8) && model.class_name != "Sequential" &&
         std::any_of(model.layers.begin(), model.layers.end(), takes_masks);
}

std::vector<TensorRef> run_order(const ModelConfig& model) {
  std::vector<Node> nodes;
  if (!topological(model, nodes)) return {};
  struct Place {
    std::size_t depth = 0, met = 0;
  };
  std::map<Node, Place> places;
  std::vector<std::size_t> layer_depths(model.layers.size(), 0);
  const auto place_of = [&](const Node& node) -> Place& {
    return places.try_emplace(node, Place{0, places.size()}).first->second;
  };
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    Place& place = place_of(*node);
    // A shared layer runs all its calls at the depth of the deepest.
    place.depth = std::max(place.depth, layer_depths[node->first]);
    layer_depths[node->first] = place.depth;
    const std::size_t depth = place.depth;
    for (const Node& parent : parents_of(model, *node)) {
      Place& of_parent = place_of(parent);
      of_parent.depth = std::max(of_parent.depth, depth + 1);
    }
  }
  std::sort(nodes.begin(), nodes.end(), [&](const Node& a, const Node& b) {
    const Place &x = places.at(a), &y = places.at(b);
    return x.depth != y.depth ? x.depth > y.depth : x.met < y.met;
  });
  std::vector<TensorRef> order;
  for (const Node& node : nodes) order.push_back({node.first, node.second, 0});
  return order;
}

}  // namespace thaw::keras
