// Dense, Embedding, Masking and layers that do nothing at inference.
#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/quantised.h"
#include "runtime/base/check.h"

namespace thaw::keras {

ValueId computed(const Layer& layer, ValueId x, GraphBuilder& g) {
  return is_floating(layer.policy.compute) ? g.cast(x, layer.policy.compute) : x;
}

std::int64_t known_dim(const Layer& layer, const GraphBuilder& g, ValueId x, int axis) {
  const Shape& shape = g.shape(x);
  const int at = axis < 0 ? axis + shape.rank() : axis;
  if (!shape.has_rank() || at < 0 || at >= shape.rank()) {
    layer.bad(fmt::format("input {} has no axis {}", shape.to_string(), axis));
  }
  if (shape[at] == kUnknownDim)
    layer.bad(fmt::format("axis {} of input {} must be known", axis, shape.to_string()));
  return shape[at];
}

std::int64_t dim_or_copy(const GraphBuilder& g, ValueId x, int axis) {
  const std::int64_t size = g.shape(x)[axis];
  return size == kUnknownDim ? GraphBuilder::dim_of(axis) : size;
}

ValueId in_shape_of(ValueId value, ValueId x, GraphBuilder& g) {
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < g.shape(x).rank(); ++axis) dims.push_back(dim_or_copy(g, x, axis));
  return g.broadcast_like(value, x, dims);
}

ValueId channels_to_last(ValueId x, GraphBuilder& g) {
  const int rank = g.shape(x).rank();
  std::vector<std::int64_t> order{0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return g.transpose(x, order);
}

ValueId channels_to_first(ValueId x, GraphBuilder& g) {
  const int rank = g.shape(x).rank();
  std::vector<std::int64_t> order{0, rank - 1};
  for (int axis = 1; axis < rank - 1; ++axis) order.push_back(axis);
  return g.transpose(x, order);
}

int spatial_rank(const Layer& layer) {
  // The table has no class without one that asks.
  const std::string& name = layer.class_name();
  int rank = 1;
  while (rank < 3 && name.find(std::to_string(rank) + "D") == std::string::npos) ++rank;
  return rank;
}

int normal_axis(const Layer& layer, std::int64_t axis, int rank, const char* key) {
  if (axis < -rank || axis >= rank)
    layer.bad(fmt::format("{} {} is outside {} dimensions", key, axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void kernel_and_bias(VariableList& variables) {
  variables.add("kernel");
  if (variables.flag("use_bias", true)) variables.add("bias");
}

void dense_variables(VariableList& variables) {
  kernel_variables(variables, variables.flag("use_bias", true));
}

Outputs dense(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Quantisation how = quantisation_of(layer.config);
  const std::int64_t units = layer.integer("units");
  const ValueId x = computed(layer, layer.input(), g);
  const std::int64_t features = known_dim(layer, g, x, -1);
  ValueId y = how ? quantised_product(layer, weights, how, x, features, units, g)
                  : g.matmul(x, adapted_kernel(layer, weights, {features, units}, g));
  if (how) {
    y = with_adapter(
        layer, weights, how, "lora_kernel", {features, units}, y,
        [&](ValueId a) { return g.matmul(x, a); }, g);
  }
  if (layer.flag("use_bias", true)) {
    y = g.binary(BinaryKind::add, y, quantised_bias(layer, how, weights.get("bias", {units}), g));
  }
  return activated(layer, "activation", "linear", y, g);
}

void embedding_variables(VariableList& variables) { embedding_table_variables(variables, false); }

Outputs embedding(const Layer& layer, Weights& weights, GraphBuilder& g) {
  if (layer.flag("sparse", false)) layer.unsupported("sparse=True");
  const Quantisation how = quantisation_of(layer.config);
  const ValueId ids = layer.input();
  const DType dtype = g.dtype(ids);
  const ValueId indices =
      dtype == DType::int32 || dtype == DType::int64 ? ids : g.cast(ids, DType::int32);
  MaskedValue y;
  const Shape shape{layer.integer("input_dim"), layer.integer("output_dim")};
  if (how) {
    y.value = with_adapter(
        layer, weights, how, "lora_embeddings", shape,
        quantised_rows(layer, weights, how, indices, g),
        [&](ValueId a) { return table_rows(a, indices, g); }, g);
  } else if (layer.keras3()) {
    y.value = table_rows(adapted_table(layer, weights, shape, g), indices, g);
  } else {
    y.value = g.gather(adapted_table(layer, weights, shape, g), indices);
  }
  if (layer.flag("mask_zero", false))
    y.mask = g.binary(BinaryKind::not_equal, ids, g.scalar(0, dtype));
  return std::vector<MaskedValue>{y};
}

Outputs masking(const Layer& layer, Weights&, GraphBuilder& g) {
  const ValueId x = layer.input();
  const ValueId skip = g.scalar(layer.real("mask_value", 0), g.dtype(x));
  const ValueId keep =
      g.reduce(ReduceKind::any, g.binary(BinaryKind::not_equal, x, skip), {-1}, true);
  MaskedValue y;
  // Keras 3 selects, so that NaN at masked steps becomes 0; before, it multiplied.
  if (layer.keras3()) {
    y.value = g.select(keep, x, g.scalar(0, g.dtype(x)));
  } else {
    y.value = g.binary(BinaryKind::mul, x, g.cast(keep, g.dtype(x)));
  }
  y.mask = g.squeeze(keep, -1);
  return std::vector<MaskedValue>{y};
}

Outputs identity(const Layer& layer, Weights&, GraphBuilder&) {
  std::vector<MaskedValue> values = layer.inputs;
  if (values.empty()) layer.bad("called without an input");
  for (MaskedValue& value : values) value.mask = kNoValue;
  return values;
}

}  // namespace thaw::keras
