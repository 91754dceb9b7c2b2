// Random numbers. All but the seeds of random_seed are functions of a key and a counter.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::invalid;
using inference::Types;

void expect_key(const Context& context, int key, int counter) {
  inference::expect_same_type(DType::uint64, "key", context.dtype(key));
  inference::expect_same_type(DType::uint64, "counter", context.dtype(counter));
}

/// The shape that an operand asks for.
Shape asked_shape(const Context& context, int i) {
  inference::expect_index_type("shape", context.dtype(i));
  if (const auto dims = inference::ints_operand(context, i, "shape")) {
    for (const std::int64_t dim : *dims) {
      if (dim < 0) invalid("shape: found dimension {}", dim);
    }
    return Shape(*dims);
  }
  return inference::unknown_dims(inference::ints_length(context, i));
}

Types random_numbers(const ops::HostCall& call, const Context& context) {
  const std::string& kind = call.attributes.text("distribution");
  const DType dtype = call.attributes.dtype("dtype");
  const bool range = kind == "integers_in_range";
  inference::expect_operands(context, range ? 5 : 3);
  expect_key(context, 1, 2);
  if (kind == "uniform" || kind == "normal" || kind == "truncated_normal") {
    inference::expect_type(is_floating(dtype), "dtype", "a floating type", dtype);
  } else if (range || kind == "integers") {
    inference::expect_type(is_integer(dtype) && size_of(dtype) >= 4, "dtype",
                           "an integer type of 32 or 64 bits", dtype);
  } else {
    invalid("no distribution is called '{}'", printable(kind));
  }
  for (int i = 3; i < context.count(); ++i) {
    inference::expect_same_type(dtype, "limit", context.dtype(i));
    inference::expect_scalar(context, i, "limit");
  }
  return {{dtype, asked_shape(context, 0)}};
}

Types key_and_counter() { return {{DType::uint64, Shape{1}}, {DType::uint64, Shape{2}}}; }

Types random_key(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  inference::expect_index_type("seed", context.dtype(0));
  return key_and_counter();
}

Types random_seed(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 0);
  return key_and_counter();
}

Types random_skip(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  inference::expect_same_type(DType::int64, "state", context.dtype(0));
  inference::expect_rank(context.shape(0), 1, "state");
  inference::expect_index_type("algorithm", context.dtype(1));
  inference::expect_same_type(DType::uint64, "delta", context.dtype(2));
  return {context.type(0)};
}

Types random_advance(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  inference::expect_same_type(DType::uint64, "counter", context.dtype(0));
  const std::string& kind = call.attributes.text("kind");
  if (kind != "numbers" && kind != "rows" && kind != "samples") {
    invalid("no distance is called '{}'", printable(kind));
  }
  return {{DType::uint64, inference::merge_shape(context.shape(0), Shape{2}, "counter")}};
}

Types random_shuffle(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_key(context, 1, 2);
  return {context.type(0)};
}

Types multinomial(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 4);
  inference::expect_type(is_floating(context.dtype(0)), "logits", "a floating type",
                         context.dtype(0));
  inference::expect_rank(context.shape(0), 2, "logits");
  expect_key(context, 2, 3);
  const DType dtype = call.attributes.dtype("dtype");
  inference::expect_index_type("dtype", dtype);
  const auto count = inference::int_operand(context, 1, "num_samples");
  if (count && *count < 0) invalid("num_samples should be non-negative, got {}", *count);
  const Shape& logits = context.shape(0);
  return {{dtype, Shape{logits.has_rank() ? logits[0] : kUnknownDim, count.value_or(kUnknownDim)}}};
}

// (shape, key, counter, parameters...) -> (samples): one for each parameter and more in front. The
// widened oracle draws the same words.
Types random_samples(const ops::HostCall& call, const Context& context) {
  const bool binomial = call.function == "random_binomial";
  inference::expect_operands(context, binomial ? 5 : 4);
  expect_key(context, 1, 2);
  const DType dtype = call.attributes.dtype("dtype"), parameter = context.dtype(3);
  const bool gamma = call.function == "random_gamma";
  inference::expect_type(gamma ? is_floating(parameter) : inference::is_real(parameter),
                         "parameters", gamma ? "a floating type" : "a real type", parameter);
  inference::expect_type(gamma ? dtype == parameter : inference::is_real(dtype), "dtype",
                         gamma ? name_of(parameter) : "a real type", dtype);
  if (binomial) {
    inference::expect_same_type(parameter, "probs", context.dtype(4));
    broadcast(context.shape(3), context.shape(4));
  }
  return {{dtype, asked_shape(context, 0)}};
}

constexpr HostFunction kRandom[] = {
    {"random_numbers", random_numbers, true, true}, {"random_key", random_key, true, true},
    {"random_seed", random_seed, false, true},      {"random_skip", random_skip, true, true},
    {"random_advance", random_advance, true, true}, {"random_shuffle", random_shuffle},
    {"multinomial", multinomial, true, true},       {"random_gamma", random_samples, true, true},
    {"random_poisson", random_samples, true, true}, {"random_binomial", random_samples, true, true},
};

}  // namespace

std::span<const HostFunction> random() { return kRandom; }

}  // namespace thaw::host_types
