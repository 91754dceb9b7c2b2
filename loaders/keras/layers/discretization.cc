// Discretization: which bin a number falls into.
#include <algorithm>
#include <cmath>

#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/text.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Numbers = std::vector<double>;

// numpy's interp: linear between the points, constant outside.
double interpolate(double x, const Numbers& xs, const Numbers& ys) {
  const auto above = std::upper_bound(xs.begin(), xs.end(), x);
  if (above == xs.begin()) return ys.front();
  if (above == xs.end()) return ys.back();
  const auto i = static_cast<std::size_t>(above - xs.begin());
  const double slope = (ys[i] - ys[i - 1]) / (xs[i] - xs[i - 1]);
  return slope * (x - xs[i - 1]) + ys[i - 1];
}

// The boundaries that tf.keras computes from the summary that adapt() left: values [0], their
// weights [1].
std::vector<float> boundaries_of(const Layer& layer, const Tensor& summary, std::int64_t bins) {
  const std::int64_t n = summary.shape()[1];
  const auto* data = summary.data<float>();
  std::vector<float> boundaries;
  const double epsilon = 1.0 / static_cast<double>(bins);
  if (n == 0) layer.bad("adapt() saw no numbers");
  if (static_cast<double>(n) * epsilon < 1) {
    boundaries.assign(data, data + n - 1);
    return boundaries;
  }
  Numbers values(data, data + n), portions;
  float total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    total += data[n + i];
    portions.push_back(total);
  }
  for (double& portion : portions) portion = static_cast<float>(portion) / total;
  const auto steps = static_cast<std::int64_t>(std::ceil(1.0 / epsilon));
  for (std::int64_t i = 0; i + 1 < steps; ++i) {
    const double at = epsilon + static_cast<double>(i) * epsilon;
    boundaries.push_back(static_cast<float>(interpolate(at, portions, values)));
  }
  return boundaries;
}

std::vector<float> read_boundaries(const Layer& layer, Weights& weights) {
  // "bins" was a list of boundaries in TensorFlow 2.3 and 2.4.
  for (const char* key : {"bin_boundaries", "bins"}) {
    const Json* value = layer.find(key);
    const Json::Array* list = value == nullptr ? nullptr : list_of(*value);
    if (list == nullptr) continue;
    std::vector<float> boundaries;
    for (const Json& item : *list) {
      if (!item.is_number()) layer.bad(fmt::format("{} must be numbers", key));
      boundaries.push_back(static_cast<float>(item.number()));
    }
    return boundaries;
  }
  const std::int64_t bins = layer.integer("num_bins", 0);
  if (!weights.has("summary")) {
    layer.bad("the file holds neither bin_boundaries nor what adapt() learnt");
  }
  const Tensor summary = weights.tensor("summary", Shape{2, kUnknownDim});
  if (bins < 1 || bins > 1 << 24 || summary.dtype() != DType::float32) {
    layer.bad(fmt::format("num_bins={} with a summary of {}", bins, name_of(summary.dtype())));
  }
  return boundaries_of(layer, summary, bins);
}

}  // namespace

void discretization_variables(VariableList& variables) {
  for (const char* key : {"bin_boundaries", "bins"}) {
    const Json* value = variables.layer().config.find(key);
    if (value != nullptr && list_of(*value) != nullptr) return;
  }
  if (variables.writer().major < 3) variables.add("summary", false);
}

Outputs discretization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const OutputMode mode = output_mode(layer, "int");
  if (mode == OutputMode::tf_idf) layer.unsupported("output_mode=tf_idf");
  const std::vector<float> boundaries = read_boundaries(layer, weights);
  if (!std::ranges::is_sorted(boundaries)) layer.bad("bin_boundaries are not sorted");
  const auto count = static_cast<std::int64_t>(boundaries.size());
  ValueId x = layer.input();
  if (!is_floating(g.dtype(x))) x = g.cast(x, DType::float32);
  const ValueId edges = g.cast(g.constant(Tensor::from(Shape{count}, boundaries)), g.dtype(x));
  // How many boundaries are not above the number; none is above a NaN.
  const ValueId above = g.binary(BinaryKind::less, g.expand_dims(x, -1), edges);
  const ValueId number = g.reduce(ReduceKind::sum, g.cast(above, DType::int32), {-1}, false);
  const ValueId bin =
      g.binary(BinaryKind::sub, g.scalar(static_cast<double>(count), DType::int32), number);
  DType dtype = layer.policy.compute;
  if (mode == OutputMode::indices) {
    if (layer.keras3()) dtype = DType::int32;
    if (!is_integer(dtype)) dtype = layer.keras3() ? DType::int32 : DType::int64;
  }
  return encode_categories(layer, bin, mode, count + 1, dtype, kNoValue, g);
}

}  // namespace thaw::keras
