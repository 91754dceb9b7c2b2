// conv -> mul -> add (what BatchNormalization is at inference) becomes conv with other weights and
// bias.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>

#include "runtime/base/stored.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// y = scale * x + offset, per channel.
struct Affine {
  std::vector<double> scale, offset;
  bool scaled = false;        // more than an offset
  std::vector<NodeId> nodes;  // the elementwise nodes that are it, in order
  ValueId result = -1;        // of the last one
};

/// Adds one elementwise node to the affine function. False if it is none.
bool extend(const Graph& graph, NodeId id, std::int64_t channels, Affine& affine) {
  const Node& node = node_at(graph, id);
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || node.inputs[0] == node.inputs[1]) return false;
  const Tensor* constant = channel_constant(graph, node, affine.result, channels);
  if (constant == nullptr) return false;
  const bool reversed = binary->kind == BinaryKind::sub && node.inputs[1] == affine.result;
  const std::vector<double> values = to_doubles(*constant);
  for (std::size_t i = 0; i < affine.scale.size(); ++i) {
    const double value = values[values.size() == 1 ? 0 : i];
    switch (binary->kind) {
      case BinaryKind::mul:
        affine.scale[i] *= value;
        affine.offset[i] *= value;
        break;
      case BinaryKind::add: affine.offset[i] += value; break;
      case BinaryKind::sub:
        if (reversed) affine.scale[i] = -affine.scale[i];  // constant - x
        affine.offset[i] = reversed ? value - affine.offset[i] : affine.offset[i] - value;
        break;
      default: return false;
    }
  }
  affine.scaled = affine.scaled || binary->kind == BinaryKind::mul || reversed;
  affine.nodes.push_back(id);
  affine.result = node.outputs[0];
  return true;
}

/// The longest chain of single-use elementwise nodes behind the linear node.
Affine affine_behind(const Graph& graph, const LinearNode& linear,
                     const std::vector<NodeId>& single_user) {
  const auto channels = static_cast<std::size_t>(linear.channels);
  Affine affine;
  affine.scale.assign(channels, 1);
  affine.offset.assign(channels, 0);
  affine.result = node_at(graph, linear.node).outputs[0];
  for (;;) {
    const NodeId user = single_user[static_cast<std::size_t>(affine.result)];
    Affine longer = affine;
    if (user == kNoNode || !extend(graph, user, linear.channels, longer)) return affine;
    affine = std::move(longer);
  }
}

/// Elements between two steps along the channel axis.
std::size_t inner_elements(const LinearNode& linear) {
  std::size_t inner = 1;
  for (int i = linear.weight_axis + 1; i < linear.weights->shape().rank(); ++i) {
    inner *= static_cast<std::size_t>(linear.weights->shape()[i]);
  }
  return inner;
}

/// Calls f(channel, first element, count) for runs of elements [..., channels, inner].
template <class F>
void for_channels(std::size_t count, std::size_t channels, std::size_t inner, const F& f) {
  for (std::size_t first = 0; first < count;) {
    for (std::size_t channel = 0; channel < channels; ++channel, first += inner) {
      f(channel, first, inner);
    }
  }
}

/// Whether the weights times `scale` lose what the scale kept: a result that is no longer finite,
/// or a channel whose weights all leave the normal range. `largest`: magnitude per channel.
bool loses(const std::vector<double>& largest, const std::vector<double>& scale, DType dtype) {
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double scaled = largest[c] * std::abs(scale[c]);
    const bool vanishes = largest[c] != 0 && scale[c] != 0 && scaled < smallest_normal(dtype);
    const bool finite = dtype != DType::float32 || std::isfinite(static_cast<float>(scaled));
    if (vanishes || !std::isfinite(scaled) || !finite) return true;
  }
  return false;
}

/// float32 at any alignment, as they lie in a mapped file.
template <class T>
T element(const std::byte* elements, std::size_t i) {
  T value;
  std::memcpy(&value, elements + i * sizeof(T), sizeof(T));
  return value;
}

/// Of float32 weights, NaN being the greatest. The order of magnitudes is that of their bits.
std::vector<double> largest_magnitudes(const std::byte* weights, std::size_t count,
                                       std::size_t channels, std::size_t inner) {
  std::vector<std::int32_t> largest(channels, 0);
  const auto magnitude = [weights](std::size_t i) {
    return element<std::int32_t>(weights, i) & 0x7fffffff;
  };
  if (inner == 1) {  // channels lie side by side
    std::int32_t* most = largest.data();
    for (std::size_t first = 0; first < count; first += channels) {
      for (std::size_t c = 0; c < channels; ++c) most[c] = std::max(most[c], magnitude(first + c));
    }
  } else {
    for_channels(count, channels, inner, [&](std::size_t c, std::size_t first, std::size_t n) {
      std::int32_t most = largest[c];
      for (std::size_t i = first; i < first + n; ++i) most = std::max(most, magnitude(i));
      largest[c] = most;
    });
  }
  std::vector<double> result;
  for (const std::int32_t bits : largest) result.push_back(std::bit_cast<float>(bits));
  return result;
}

/// float32 weights times their channel's scale, computed when a kernel packs them.
class ScaledElements final : public StoredElements {
 public:
  ScaledElements(Tensor weights, std::vector<double> scale, std::size_t inner)
      : weights_(std::move(weights)), scale_(std::move(scale)), inner_(inner) {}

  void read(void* out) const override {
    const ReadOnce elements(weights_, 1);
    scale(elements.as<std::byte>(), 0, static_cast<std::size_t>(weights_.num_elements()), out);
  }

  bool read_part(std::size_t first, std::size_t count, void* out) const override {
    const StoredElements* stored = weights_.stored();
    const void* elements = stored == nullptr ? weights_.data() : stored->bytes();
    if (elements == nullptr) return false;
    scale(static_cast<const std::byte*>(elements) + first, first / sizeof(float),
          count / sizeof(float), out);
    return true;
  }

  void let_go() const override {
    if (weights_.stored() != nullptr) weights_.stored()->let_go();
  }

 private:
  /// `count` weights at `from`, the first of which is number `first` of all.
  void scale(const std::byte* from, std::size_t first, std::size_t count, void* out) const {
    auto* to = static_cast<float*>(out);
    for (std::size_t i = 0; i < count;) {
      const std::size_t channel = (first + i) / inner_ % scale_.size();
      if (inner_ == 1) {  // channels lie side by side
        const std::size_t end = std::min(count, i + scale_.size() - channel);
        scale_each(from, scale_.data() + channel, i, end, to);
        i = end;
      } else {
        const std::size_t end = std::min(count, i + inner_ - (first + i) % inner_);
        for (; i < end; ++i) to[i] = static_cast<float>(element<float>(from, i) * scale_[channel]);
      }
    }
  }

  static void scale_each(const std::byte* from, const double* scale, std::size_t begin,
                         std::size_t end, float* to) {
    for (std::size_t i = begin; i < end; ++i)
      to[i] = static_cast<float>(element<float>(from, i) * scale[i - begin]);
  }

  Tensor weights_;
  std::vector<double> scale_;
  std::size_t inner_;
};

Tensor scaled_floats(const LinearNode& linear, const std::vector<double>& scale) {
  constexpr std::size_t kLeastDeferred = std::size_t{1} << 14;  // bytes
  const Tensor& weights = *linear.weights;
  const std::size_t inner = inner_elements(linear);
  const auto count = static_cast<std::size_t>(weights.num_elements());
  // A mapped file's pages stay in memory: the kernel that packs them comes soon, and lets them go.
  const void* elements = weights.stored() == nullptr ? nullptr : weights.stored()->bytes();
  std::optional<ReadOnce> computed;
  if (elements == nullptr) elements = computed.emplace(weights, 1).data();
  const auto* values = static_cast<const std::byte*>(elements);
  if (loses(largest_magnitudes(values, count, scale.size(), inner), scale, DType::float32))
    return {};
  auto scaled = std::make_shared<ScaledElements>(weights, scale, inner);
  if (weights.size_bytes() >= kLeastDeferred) {
    return Tensor::stored(DType::float32, weights.shape(), std::move(scaled));
  }
  Tensor result(DType::float32, weights.shape());
  scaled->read(result.mutable_data());
  return result;
}

/// The weights times their channel's scale; empty if that loses what the scale kept.
Tensor scaled_weights(const LinearNode& linear, const std::vector<double>& scale) {
  const Tensor& weights = *linear.weights;
  if (weights.dtype() == DType::float32) return scaled_floats(linear, scale);
  std::vector<double> values = to_doubles(weights);
  std::vector<double> largest(scale.size(), 0);
  for_channels(values.size(), scale.size(), inner_elements(linear),
               [&](std::size_t c, std::size_t first, std::size_t n) {
                 for (std::size_t i = first; i < first + n; ++i) {
                   largest[c] = std::fmax(largest[c], std::abs(values[i]));
                   values[i] *= scale[c];
                 }
               });
  if (loses(largest, scale, weights.dtype())) return {};
  Tensor scaled = from_doubles(weights.dtype(), weights.shape(), values);
  for (const double value : to_doubles(scaled)) {
    if (!std::isfinite(value)) return {};
  }
  return scaled;
}

Tensor folded_bias(const LinearNode& linear, const Affine& affine) {
  std::vector<double> values = affine.offset;
  if (linear.bias != nullptr) {
    const std::vector<double> bias = to_doubles(*linear.bias);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += bias[i] * affine.scale[i];
  }
  Tensor rounded = from_doubles(linear.weights->dtype(), Shape{linear.channels}, values);
  for (const double value : to_doubles(rounded)) {
    if (!std::isfinite(value)) return {};
  }
  return rounded;
}

bool fold(Graph& graph, const LinearNode& linear, const Affine& affine) {
  if (!affine.scaled || linear.channels == 0) return false;
  Tensor weights = scaled_weights(linear, affine.scale);
  Tensor bias = folded_bias(linear, affine);
  if (weights.empty() || bias.empty()) return false;

  const std::string name = node_at(graph, linear.node).name;
  const ValueId new_weights = append_constant(graph, std::move(weights), name + "/folded_weights");
  const ValueId new_bias = append_constant(graph, std::move(bias), name + "/folded_bias");
  Node& node = node_at(graph, linear.node);  // only now: appending moves nodes
  node.inputs[1] = new_weights;
  node.inputs.resize(static_cast<std::size_t>(linear.bias_operand));
  node.inputs.push_back(new_bias);
  replace_uses(graph, affine.result, node.outputs[0]);
  for (const NodeId id : affine.nodes) empty_node(graph, id);
  return true;
}

}  // namespace

bool fold_batch_norm(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto linear = linear_node(graph, static_cast<NodeId>(i));
    if (!linear) continue;
    const Affine affine = affine_behind(graph, *linear, single_user);
    changed = fold(graph, *linear, affine) || changed;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // the weights that were replaced
  }
  return for_subgraphs(graph, fold_batch_norm) || changed;
}

}  // namespace thaw
