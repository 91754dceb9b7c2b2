// Functions that are one TensorFlow op with the arguments as operands and attributes.
#include <algorithm>

#include "loaders/keras/functions/function_call.h"

namespace thaw::keras {
namespace {

// "Op operand other=default *list ; attribute:type name<argument:type": operands in the op's order,
// then attributes with a letter for the type (b, i, f, s, t for a type, l for a list of integers).
class Specification {
 public:
  explicit Specification(std::string_view text) : rest_(text) {}
  /// The next word; empty at the end.
  std::string_view word() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return found;
  }

 private:
  std::string_view rest_;
};

void add_operand(OpCall& c, std::string_view word, Results& operands) {
  if (word.starts_with('*')) {
    for (const Expr& x : matched(c, need_first(c, {std::string(word.substr(1)).c_str()})))
      operands.push_back(x);
    return;
  }
  const std::size_t split = std::min(word.find('='), word.size());
  const std::string name(word.substr(0, split));
  const Operand* operand = c.find(name);
  if (operand == nullptr && split < word.size()) {
    Operand otherwise;
    otherwise.value = parse_json(word.substr(split + 1), "a default", Limits{});
    operands.push_back(c.tensor(otherwise));
    return;
  }
  if (operand == nullptr) c.unsupported("argument " + name + " is missing from the file");
  // A number beside a tensor of floats is one too.
  const bool whole = operand->kind == Argument::Kind::value && operand->value.is_number();
  const bool floats = !operands.empty() && is_floating(operands[0].dtype());
  const bool fraction = whole && !operand->value.is_integer();
  operands.push_back(fraction && floats ? c.tensor(*operand, operands[0].dtype())
                                        : c.tensor(*operand));
}

void add_attribute(OpCall& c, std::string_view word, NodeAttributes& attributes) {
  const std::size_t colon = word.find(':'), rename = std::min(word.find('<'), colon);
  const std::string name(word.substr(0, rename));
  const std::string argument(rename < colon ? word.substr(rename + 1, colon - rename - 1)
                                            : word.substr(0, colon));
  if (!c.has(argument)) return;
  switch (word[colon + 1]) {
    case 'b': attributes.emplace_back(name, c.flag(argument, false)); break;
    case 'i': attributes.emplace_back(name, c.integer(argument)); break;
    case 'f': attributes.emplace_back(name, c.real(argument)); break;
    case 's': attributes.emplace_back(name, c.text(argument, "")); break;
    case 't': attributes.emplace_back(name, c.dtype(argument, DType::invalid)); break;
    default: attributes.emplace_back(name, c.ints(argument).value_or(Axes{})); break;
  }
}

Results by_op(OpCall& c, const FunctionRow& row) {
  Specification specification(row.op);
  const std::string op(specification.word());
  Results operands;
  NodeAttributes attributes;
  bool named = false;
  for (std::string_view word = specification.word(); !word.empty(); word = specification.word()) {
    if (word == ";") {
      named = true;
    } else if (named) {
      add_attribute(c, word, attributes);
    } else {
      add_operand(c, word, operands);
    }
  }
  return c.tensorflow(op, operands, attributes);
}

Results fake_quant(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("inputs");
  NodeAttributes attributes{{"num_bits", c.integer("num_bits", 8)},
                            {"narrow_range", c.flag("narrow_range", false)}};
  if (row.kind == 0) {
    attributes.emplace_back("min", c.real("min", -6));
    attributes.emplace_back("max", c.real("max", 6));
    return c.tensorflow(row.op, {x}, attributes);
  }
  return c.tensorflow(row.op, {x, c.tensor("min", DType::float32), c.tensor("max", DType::float32)},
                      attributes);
}

// TensorFlow 1 has the predictions first.
Results in_top_k(OpCall& c, const FunctionRow& row) {
  const Operand* targets = c.layer.argument("targets");
  const bool first_version = targets != nullptr && !c.layer.args.empty();
  const Expr predictions = first_version ? c.tensor(c.layer.args[0]) : c.tensor("predictions");
  return c.tensorflow(
      row.op,
      {predictions, first_version ? c.tensor(*targets) : c.tensor("targets"), c.tensor("k")});
}

// Counts as many values as the largest of them says.
Results bincount(OpCall& c, const FunctionRow&) {
  if (c.has("axis") || c.flag("binary_output", false)) c.unsupported("axis and binary_output");
  const Expr x = c.tensor("arr");
  const Expr flat = reshape(cast(x, DType::int32), {-1});
  Expr size = maximum(reduce(ReduceKind::max, flat, {0}, false), -1.0) + 1.0;
  if (c.has("minlength")) size = maximum(size, c.tensor("minlength", DType::int32));
  if (c.has("maxlength")) size = minimum(size, c.tensor("maxlength", DType::int32));
  const DType dtype = c.dtype("dtype", DType::int32);
  const Expr weights = c.has("weights") ? reshape(c.tensor("weights"), {-1}) : c.number(1, dtype);
  const ValueId hot = c.g.add1(ops::OneHot{-1}, {flat, size, c.g.scalar(1, weights.dtype()),
                                                 c.g.scalar(0, weights.dtype())});
  const Expr counted = c.has("weights") ? c.expr(hot) * expand(weights, 1) : c.expr(hot);
  return {reduce(ReduceKind::sum, counted, {0}, false)};
}

}  // namespace

std::span<const FunctionRow> op_functions() {
  static constexpr FunctionRow kRows[] = {
      {"debugging.check_numerics", "tensor", by_op, "CheckNumerics tensor ; message:s"},
      {"dynamic_partition", "data", by_op, "DynamicPartition data partitions ; num_partitions:i"},
      {"dynamic_stitch", "indices", by_op, "DynamicStitch *indices *data"},
      {"histogram_fixed_width", "values", by_op,
       "HistogramFixedWidth values value_range nbins=100 ; dtype:t"},
      {"image.adjust_hue", "image", by_op, "AdjustHue image delta"},
      {"image.adjust_saturation", "image", by_op, "AdjustSaturation image saturation_factor"},
      {"image.combined_non_max_suppression", "boxes", by_op,
       "CombinedNonMaxSuppression boxes scores max_output_size_per_class max_total_size "
       "iou_threshold=0.5 score_threshold=-Infinity ; pad_per_class:b clip_boxes:b"},
      {"image.crop_and_resize", "image", by_op,
       "CropAndResize image boxes box_indices crop_size ; method:s extrapolation_value:f"},
      {"image.draw_bounding_boxes", "images", by_op, "DrawBoundingBoxesV2 images boxes colors"},
      {"image.extract_patches", "images", by_op,
       "ExtractImagePatches images ; ksizes<sizes:l strides:l rates:l padding:s"},
      {"image.non_max_suppression", "boxes", by_op,
       "NonMaxSuppressionV3 boxes scores max_output_size iou_threshold=0.5 "
       "score_threshold=-Infinity"},
      {"image.non_max_suppression_overlaps", "overlaps", by_op,
       "NonMaxSuppressionWithOverlaps overlaps scores max_output_size overlap_threshold=0.5 "
       "score_threshold=-Infinity"},
      {"io.decode_base64", "input", by_op, "DecodeBase64 input"},
      {"io.encode_base64", "input", by_op, "EncodeBase64 input ; pad:b"},
      {"linalg.eig", "tensor", by_op, "Eig tensor"},
      {"linalg.logm", "input", by_op, "MatrixLogarithm input"},
      {"linalg.lu", "input", by_op, "Lu input ; output_idx_type:t"},
      {"linalg.slogdet", "input", by_op, "LogMatrixDeterminant input"},
      {"linalg.tensor_diag", "diagonal", by_op, "Diag diagonal"},
      {"math.approximate_equal", "x", by_op, "ApproximateEqual x y ; tolerance:f"},
      {"math.betainc", "a", by_op, "Betainc a b x"},
      {"math.bincount", "arr", bincount},
      {"math.cumulative_logsumexp", "x", by_op,
       "CumulativeLogsumexp x axis=0 ; exclusive:b reverse:b"},
      {"math.igamma", "a", by_op, "Igamma a x"},
      {"math.igammac", "a", by_op, "Igammac a x"},
      {"math.in_top_k", "targets", in_top_k, "InTopKV2"},
      {"math.invert_permutation", "x", by_op, "InvertPermutation x"},
      {"math.polygamma", "a", by_op, "Polygamma a x"},
      {"math.special.bessel_j0", "x", by_op, "BesselJ0 x"},
      {"math.special.bessel_j1", "x", by_op, "BesselJ1 x"},
      {"math.special.bessel_k0", "x", by_op, "BesselK0 x"},
      {"math.special.bessel_k0e", "x", by_op, "BesselK0e x"},
      {"math.special.bessel_k1", "x", by_op, "BesselK1 x"},
      {"math.special.bessel_k1e", "x", by_op, "BesselK1e x"},
      {"math.special.bessel_y0", "x", by_op, "BesselY0 x"},
      {"math.special.bessel_y1", "x", by_op, "BesselY1 x"},
      {"math.special.dawsn", "x", by_op, "Dawsn x"},
      {"math.special.expint", "x", by_op, "Expint x"},
      {"math.special.fresnel_cos", "x", by_op, "FresnelCos x"},
      {"math.special.fresnel_sin", "x", by_op, "FresnelSin x"},
      {"math.special.spence", "x", by_op, "Spence x"},
      {"math.zeta", "x", by_op, "Zeta x q"},
      {"nn.dilation2d", "input", by_op,
       "Dilation2D input filters ; strides:l rates<dilations:l padding:s"},
      {"nn.in_top_k", "targets", in_top_k, "InTopKV2"},
      {"quantization.fake_quant_with_min_max_args", "inputs min max num_bits narrow_range",
       fake_quant, "FakeQuantWithMinMaxArgs", 0},
      {"quantization.fake_quant_with_min_max_vars", "inputs min max num_bits narrow_range",
       fake_quant, "FakeQuantWithMinMaxVars", 1},
      {"quantization.fake_quant_with_min_max_vars_per_channel",
       "inputs min max num_bits narrow_range", fake_quant, "FakeQuantWithMinMaxVarsPerChannel", 1},
      {"quantization.quantize_and_dequantize_v2", "input", by_op,
       "QuantizeAndDequantizeV4 input input_min input_max ; signed_input:b num_bits:i "
       "range_given:b round_mode:s narrow_range:b axis:i"},
      {"strings.as_string", "input", by_op,
       "AsString input ; precision:i scientific:b shortest:b width:i fill:s"},
      {"strings.join", "inputs", by_op, "StringJoin *inputs ; separator:s"},
      {"strings.reduce_join", "inputs", by_op,
       "ReduceJoin inputs axis ; keep_dims<keepdims:b separator:s"},
      {"strings.regex_full_match", "input", by_op, "RegexFullMatch input pattern"},
      {"strings.to_hash_bucket", "input", by_op, "StringToHashBucket input ; num_buckets:i"},
      {"strings.to_hash_bucket_strong", "input", by_op,
       "StringToHashBucketStrong input ; num_buckets:i key:l"},
      {"strings.unicode_script", "input", by_op, "UnicodeScript input"},
      {"strings.unicode_transcode", "input", by_op,
       "UnicodeTranscode input ; input_encoding:s output_encoding:s errors:s replacement_char:i "
       "replace_control_characters:b"},
      {"strings.unsorted_segment_join", "inputs", by_op,
       "UnsortedSegmentJoin inputs segment_ids num_segments ; separator:s"},
      {"unravel_index", "indices", by_op, "UnravelIndex indices dims"},
  };
  return kRows;
}

}  // namespace thaw::keras
