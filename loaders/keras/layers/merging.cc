// Merge layers: elementwise, Concatenate, Dot, and the Merge of Keras 1.
#include <algorithm>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Tensors of lower rank get dimensions of 1 behind the batch (and lose their masks).
std::vector<MaskedValue> same_rank(const Layer& layer, GraphBuilder& g) {
  int rank = 0;
  for (const MaskedValue& input : layer.inputs) {
    if (!g.shape(input.value).has_rank()) layer.bad("the inputs' ranks must be known");
    rank = std::max(rank, g.shape(input.value).rank());
  }
  std::vector<MaskedValue> inputs = layer.inputs;
  for (MaskedValue& input : inputs) {
    while (g.shape(input.value).rank() < rank) {
      input.value = g.expand_dims(input.value, 1);
      input.mask = kNoValue;
    }
  }
  return inputs;
}

// Integers of different width and mixes with floats meet in one type.
void same_dtype(std::vector<MaskedValue>& inputs, GraphBuilder& g) {
  DType common = g.dtype(inputs[0].value);
  for (const MaskedValue& input : inputs) {
    const DType dtype = g.dtype(input.value);
    const bool wider = is_floating(dtype) == is_floating(common) ? size_of(dtype) > size_of(common)
                                                                 : is_floating(dtype);
    if (wider) common = dtype;
  }
  for (MaskedValue& input : inputs) input.value = g.cast(input.value, common);
}

// Keras 2: a step is kept if all masked inputs keep it. Keras 3: if any input keeps it, and all
// have masks.
ValueId merged_mask(const Layer& layer, GraphBuilder& g) {
  const std::vector<MaskedValue>& inputs = layer.inputs;
  const bool all =
      std::all_of(inputs.begin(), inputs.end(), [](const MaskedValue& x) { return x.has_mask(); });
  if (layer.keras3() && (!all || !layer.writer.at_least(3, 4))) return kNoValue;
  ValueId mask = kNoValue;
  for (const MaskedValue& input : inputs) {
    if (!input.has_mask()) continue;
    if (mask == kNoValue) {
      mask = input.mask;
    } else {
      mask = g.binary(layer.keras3() ? BinaryKind::logical_or : BinaryKind::logical_and, mask,
                      input.mask);
    }
  }
  return mask;
}

ValueId spread(ValueId mask, ValueId x, GraphBuilder& g) {
  return in_shape_of(g.expand_dims(mask, -1), x, g);
}

// Keras 3.4 and later: masked steps count as 1 in a product; where no input keeps the step, the
// product is 0.
ValueId masked_product(const std::vector<MaskedValue>& inputs, GraphBuilder& g) {
  const DType dtype = g.dtype(inputs[0].value);
  bool all = true;
  ValueId product = kNoValue, keep = kNoValue;
  for (const MaskedValue& input : inputs) {
    ValueId x = input.value;
    all = all && input.has_mask();
    if (input.has_mask()) {
      const ValueId mask = spread(input.mask, x, g);
      x = g.select(mask, x, g.scalar(1, dtype));
      keep = keep == kNoValue ? mask : g.binary(BinaryKind::logical_or, keep, mask);
    }
    product = product == kNoValue ? x : g.binary(BinaryKind::mul, product, x);
  }
  return all && keep != kNoValue ? g.select(keep, product, g.scalar(0, dtype)) : product;
}

// Keras 3.4 and later: masked steps do not take part in a maximum or minimum.
ValueId masked_extreme(BinaryKind kind, const std::vector<MaskedValue>& inputs, GraphBuilder& g) {
  ValueId result = kNoValue, kept = kNoValue;
  for (const MaskedValue& input : inputs) {
    ValueId x = input.value;
    const ValueId mask = input.has_mask() ? spread(input.mask, x, g) : kNoValue;
    if (result == kNoValue) {
      result = x;
      kept = mask;
      continue;
    }
    if (mask != kNoValue) x = g.select(mask, x, result);
    if (kept != kNoValue) result = g.select(kept, result, x);
    kept = mask != kNoValue && kept != kNoValue ? g.binary(BinaryKind::logical_or, kept, mask)
                                                : kNoValue;
    result = g.binary(kind, result, x);
  }
  return result;
}

ValueId folded(BinaryKind kind, const std::vector<MaskedValue>& inputs, GraphBuilder& g) {
  ValueId result = inputs[0].value;
  for (std::size_t i = 1; i < inputs.size(); ++i) result = g.binary(kind, result, inputs[i].value);
  return result;
}

ValueId l2_normalized(const Layer& layer, ValueId x, std::int64_t axis, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  const double floor = layer.keras3() ? 1e-14 : 1e-12;
  const ValueId sum = g.reduce(ReduceKind::sum, g.unary({UnaryKind::square}, x), {axis}, true);
  const ValueId scale =
      g.unary({UnaryKind::rsqrt}, g.binary(BinaryKind::maximum, sum, g.scalar(floor, dtype)));
  return g.binary(BinaryKind::mul, x, scale);
}

// Contracts axis `a` of x with axis `b` of y, batch by batch.
ValueId batch_dot(ValueId x, int a, ValueId y, int b, GraphBuilder& g) {
  const int x_rank = g.shape(x).rank(), y_rank = g.shape(y).rank();
  if (x_rank <= 3 && y_rank <= 3) {
    const ValueId left = x_rank == 2 ? g.expand_dims(x, 1) : x;
    const ValueId right = y_rank == 2 ? g.expand_dims(y, 2) : y;
    const ValueId product = g.matmul(left, right, x_rank == 3 && a == 1, y_rank == 3 && b == 2);
    if (x_rank == 2) return g.squeeze(product, 1);
    return y_rank == 2 ? g.squeeze(product, 2) : product;
  }
  // Letters: b the batch, c the contracted axis, then one for each other axis.
  std::string left = "b", right = "b", result = "b";
  char next = 'd';
  for (int axis = 1; axis < x_rank; ++axis) {
    const char letter = axis == a ? 'c' : next++;
    left += letter;
    if (letter != 'c') result += letter;
  }
  for (int axis = 1; axis < y_rank; ++axis) {
    const char letter = axis == b ? 'c' : next++;
    right += letter;
    if (letter != 'c') result += letter;
  }
  return g.add1(ops::Einsum{left + "," + right + "->" + result}, {x, y});
}

Outputs dot_of(const Layer& layer, std::vector<std::int64_t> axes, bool normalize,
               GraphBuilder& g) {
  if (layer.inputs.size() != 2)
    layer.bad(fmt::format("expected 2 inputs, got {}", layer.inputs.size()));
  if (axes.size() == 1) axes.push_back(axes[0]);
  if (axes.size() != 2) layer.bad("axes must be one or two integers");
  std::vector<MaskedValue> inputs = layer.inputs;
  same_dtype(inputs, g);
  int at[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const Shape& shape = g.shape(inputs[i].value);
    if (!shape.has_rank() || shape.rank() < 2 || shape.rank() > 20) {
      layer.bad(fmt::format("expected at least 2-D inputs, got {}", shape.to_string()));
    }
    at[i] = normal_axis(layer, axes[i], shape.rank(), "axes");
    if (at[i] == 0) layer.bad("axes holds the batch axis");
  }
  ValueId x = inputs[0].value, y = inputs[1].value;
  if (normalize) {
    x = l2_normalized(layer, x, at[0], g);
    y = l2_normalized(layer, y, at[1], g);
  }
  return batch_dot(x, at[0], y, at[1], g);
}

// Keras 2 concatenates the masks as they are, Keras 3 as broadcast to the inputs.
ValueId concatenated_mask(const Layer& layer, const std::vector<MaskedValue>& inputs,
                          std::int64_t axis, GraphBuilder& g) {
  const bool any =
      std::any_of(inputs.begin(), inputs.end(), [](const MaskedValue& x) { return x.has_mask(); });
  if (!any || (layer.keras3() && !layer.writer.at_least(3, 4))) return kNoValue;
  const int rank = g.shape(inputs[0].value).rank();
  std::vector<ValueId> masks;
  for (const MaskedValue& input : inputs) {
    ValueId mask = input.mask;
    if (!input.has_mask()) {
      mask = in_shape_of(g.scalar(1, DType::boolean), input.value, g);
    } else if (g.shape(mask).rank() < rank) {
      mask = g.expand_dims(mask, -1);
      if (layer.keras3()) mask = in_shape_of(mask, input.value, g);
    }
    masks.push_back(mask);
  }
  const ValueId all = g.concat(masks, axis);
  return g.reduce(layer.keras3() ? ReduceKind::any : ReduceKind::all, all, {-1}, false);
}

}  // namespace

Outputs merge(const Layer& layer, Weights&, GraphBuilder& g) {
  if (layer.inputs.empty()) layer.bad("called without inputs");
  std::vector<MaskedValue> inputs = same_rank(layer, g);
  same_dtype(inputs, g);
  const std::string& name = layer.class_name();
  const bool mask_aware = layer.keras3() && layer.writer.at_least(3, 4);
  ValueId y = kNoValue;
  if (name == "Add") {
    y = folded(BinaryKind::add, inputs, g);
  } else if (name == "Subtract") {
    if (inputs.size() != 2) layer.bad(fmt::format("expected 2 inputs, got {}", inputs.size()));
    y = folded(BinaryKind::sub, inputs, g);
  } else if (name == "Multiply") {
    y = mask_aware ? masked_product(inputs, g) : folded(BinaryKind::mul, inputs, g);
  } else if (name == "Average") {
    y = computed(layer, folded(BinaryKind::add, inputs, g), g);
    y = g.binary(BinaryKind::div, y, g.scalar(static_cast<double>(inputs.size()), g.dtype(y)));
  } else {
    const BinaryKind kind = name == "Maximum" ? BinaryKind::maximum : BinaryKind::minimum;
    y = mask_aware ? masked_extreme(kind, inputs, g) : folded(kind, inputs, g);
  }
  return std::vector<MaskedValue>{{y, merged_mask(layer, g)}};
}

Outputs concatenate(const Layer& layer, Weights&, GraphBuilder& g) {
  std::vector<MaskedValue> inputs = layer.inputs;
  if (inputs.empty()) layer.bad("called without inputs");
  same_dtype(inputs, g);
  std::vector<ValueId> values;
  for (const MaskedValue& input : inputs) values.push_back(input.value);
  const int rank = g.shape(values[0]).rank();
  const std::int64_t axis = normal_axis(layer, layer.integer("axis", -1), rank, "axis");
  return std::vector<MaskedValue>{
      {g.concat(values, axis), concatenated_mask(layer, inputs, axis, g)}};
}

Outputs dot(const Layer& layer, Weights&, GraphBuilder& g) {
  return dot_of(layer, layer.ints("axes", {-1}), layer.flag("normalize", false), g);
}

Outputs keras1_merge(const Layer& layer, Weights&, GraphBuilder& g) {
  const Json* given = layer.find("mode");
  const std::string mode_type = layer.text("mode_type", "raw");
  if (mode_type != "raw" || (given != nullptr && !given->is_string()))
    layer.unsupported("mode is Python code, which is never executed");
  const std::string mode = layer.text("mode", "sum");
  if (layer.inputs.empty()) layer.bad("called without inputs");
  if (mode == "concat") {
    std::vector<ValueId> values;
    for (const MaskedValue& input : layer.inputs) values.push_back(input.value);
    return g.concat(values, layer.integer("concat_axis", -1));
  }
  if (mode == "dot" || mode == "cos") {
    const Json* axes = layer.find("dot_axes");
    std::vector<std::int64_t> flat = axes != nullptr && axes->is_number()
                                         ? layer.ints("dot_axes", {})
                                         : std::vector<std::int64_t>{-1};
    if (axes != nullptr && !axes->is_number() && !axes->is_array())
      layer.unsupported(fmt::format("dot_axes={}", printable(axes->dump())));
    if (axes != nullptr && axes->is_array()) {
      flat.clear();
      for (const Json& item : axes->array()) {
        const Json& axis = item.is_array() && item.size() == 1 ? item.at(std::size_t{0}) : item;
        if (!axis.is_integer())
          layer.unsupported(fmt::format("dot_axes={}", printable(axes->dump())));
        flat.push_back(axis.integer());
      }
    }
    return dot_of(layer, flat, mode == "cos", g);
  }
  const std::vector<MaskedValue> inputs = same_rank(layer, g);
  if (mode == "sum") return folded(BinaryKind::add, inputs, g);
  if (mode == "mul") return folded(BinaryKind::mul, inputs, g);
  if (mode == "max") return folded(BinaryKind::maximum, inputs, g);
  if (mode == "ave") {
    const ValueId sum = folded(BinaryKind::add, inputs, g);
    return g.binary(BinaryKind::div, sum,
                    g.scalar(static_cast<double>(inputs.size()), g.dtype(sum)));
  }
  layer.unsupported(fmt::format("mode={}", printable(mode)));
}

}  // namespace thaw::keras
