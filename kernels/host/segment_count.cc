// How often values appear.
#include <algorithm>
#include <cmath>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

/// Counts into rows of bins: a value outside of [0, bins) is ignored, a negative one an error.
class Bins {
 public:
  Bins(const HostArgs& args, const Tensor& weights, std::int64_t rows, std::int64_t bins, bool flat)
      : weights_(weights),
        binary_(args.call.attributes.flag("binary_output")),
        bins_(bins),
        result_(allocate(weights.dtype(), flat ? std::vector<std::int64_t>{bins}
                                               : std::vector<std::int64_t>{rows, bins})) {}

  void add(std::int64_t row, std::int64_t value, std::int64_t position) {
    if (value < 0) invalid("values: expected no negative number, found {}", value);
    if (value >= bins_) return;
    for_reals(weights_.dtype(), [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      T& bin = mutable_elements<T>(result_)[row * bins_ + value];
      if (binary_) {
        bin = store<T>(1);
      } else if (weights_.num_elements() == 0) {
        bin = store<T>(load(bin) + 1);
      } else {
        bin = store<T>(load(bin) + load(elements<T>(weights_)[position]));
      }
    });
  }

  Tensor result() const { return result_; }

 private:
  const Tensor& weights_;
  bool binary_;
  std::int64_t bins_;
  Tensor result_;
};

std::int64_t bin_count(const Tensor& size) {
  const std::int64_t bins = integer(size, "size");
  if (bins < 0) invalid("size: expected no negative number, found {}", bins);
  return bins;
}

void expect_weights(const Tensor& weights, const Tensor& values) {
  if (weights.num_elements() != 0 && weights.num_elements() != values.num_elements()) {
    invalid("{} weights for {} values", weights.num_elements(), values.num_elements());
  }
}

}  // namespace

// (values, range [2], bins) -> (counts [bins]): values outside of the range fall into the outer
// bins.
std::vector<Tensor> histogram(const HostArgs& args) {
  const Tensor &values = args.in[0], &range = args.in[1];
  const std::int64_t bins = integer(args.in[2], "nbins");
  if (bins <= 0) invalid("nbins: expected a positive number, found {}", bins);
  Tensor checked = allocate(args.call.attributes.dtype("dtype"), {bins});
  std::vector<std::int64_t> counts(static_cast<std::size_t>(bins), 0);
  for_reals(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto low = load(elements<T>(range)[0]), high = load(elements<T>(range)[1]);
    if (!(low < high)) invalid("value_range: expected an increasing pair");
    const double step = static_cast<double>(high - low) / static_cast<double>(bins);
    for (std::int64_t i = 0; i < values.num_elements(); ++i) {
      const auto value = load(elements<T>(values)[i]);
      if (value != value) invalid("values: a NaN belongs to no bin");
      const double bin = static_cast<double>(std::max(value, low) - low) / step;
      ++counts[static_cast<std::size_t>(std::min(bin, static_cast<double>(bins - 1)))];
    }
  });
  return {integer_tensor(checked.dtype(), {bins}, counts)};
}

// (indices [n, rank], values [n], shape [rank], size, weights) -> (counts [size] | [rows, size])
std::vector<Tensor> sparse_bincount(const HostArgs& args) {
  const Tensor &values = args.in[1], &weights = args.in[4];
  const std::vector<std::int64_t> indices = integers(args.in[0]), shape = integers(args.in[2]);
  expect_weights(weights, values);
  const bool flat = shape.size() == 1;
  if (shape.empty() || shape.size() > 2) {
    invalid("dense_shape: expected 1 or 2 dimensions, found {}", shape.size());
  }
  const std::int64_t rows = flat ? 1 : shape[0];
  Bins bins(args, weights, rows, bin_count(args.in[3]), flat);
  const std::vector<std::int64_t> numbers = integers(values);
  if (indices.size() != numbers.size() * shape.size()) {
    invalid("{} indices for {} values", indices.size(), numbers.size());
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t row = flat ? 0 : indices[i * 2];
    if (row < 0 || row >= rows) invalid("indices: row {} of {}", row, rows);
    bins.add(row, numbers[i], static_cast<std::int64_t>(i));
  }
  return {bins.result()};
}

// (splits [rows + 1], values [n], size, weights) -> (counts [rows, size])
std::vector<Tensor> ragged_bincount(const HostArgs& args) {
  const Tensor &values = args.in[1], &weights = args.in[3];
  const std::vector<std::int64_t> splits = integers(args.in[0]), numbers = integers(values);
  expect_weights(weights, values);
  if (splits.empty() || splits.front() != 0 ||
      splits.back() != static_cast<std::int64_t>(numbers.size()) ||
      !std::is_sorted(splits.begin(), splits.end())) {
    invalid("splits: expected increasing numbers from 0 to {}", numbers.size());
  }
  Bins bins(args, weights, static_cast<std::int64_t>(splits.size()) - 1, bin_count(args.in[2]),
            false);
  for (std::size_t row = 0; row + 1 < splits.size(); ++row) {
    for (std::int64_t i = splits[row]; i < splits[row + 1]; ++i) {
      bins.add(static_cast<std::int64_t>(row), numbers[static_cast<std::size_t>(i)], i);
    }
  }
  return {bins.result()};
}

}  // namespace thaw::host
