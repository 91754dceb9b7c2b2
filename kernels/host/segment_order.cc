// Positions among sorted elements.
#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

/// Whether fewer than k classes are more probable than the target; false if any class that must be
/// asked is not finite.
template <class T>
bool is_in_top_k(const T* row, std::int64_t classes, std::int64_t target, std::int64_t k) {
  if (target < 0 || target >= classes || !std::isfinite(load(row[target]))) return false;
  std::int64_t larger = 0;
  for (std::int64_t i = 0; i < classes; ++i) {
    if (!std::isfinite(load(row[i]))) return false;
    if (load(row[i]) > load(row[target]) && ++larger > k) break;
  }
  return larger < k;
}

}  // namespace

// (predictions [B, C], targets [B], k) -> (bool [B])
std::vector<Tensor> in_top_k(const HostArgs& args) {
  const Tensor& predictions = args.in[0];
  const std::vector<std::int64_t> targets = integers(args.in[1]);
  const std::int64_t k = integer(args.in[2], "k"), classes = predictions.shape()[1];
  Tensor result = allocate(DType::boolean, {predictions.shape()[0]});
  for_floats(predictions.dtype(), [&](auto tag) {
    const auto* rows = elements<TypeOf<decltype(tag)>>(predictions);
    for (std::size_t b = 0; b < targets.size(); ++b) {
      result.mutable_data<bool>()[b] =
          is_in_top_k(rows + static_cast<std::int64_t>(b) * classes, classes, targets[b], k);
    }
  });
  return {result};
}

// (x [..., N], n) -> (y [...]): the n-th smallest, or largest with reverse.
std::vector<Tensor> nth_element(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const int rank = x.shape().rank();
  const std::int64_t size = x.shape()[rank - 1], n = integer(args.in[1], "n");
  if (n < 0 || n >= size) invalid("n: expected a number in [0, {}), found {}", size, n);
  std::vector<std::int64_t> dims(x.shape().dims().begin(), x.shape().dims().end() - 1);
  Tensor y = allocate(x.dtype(), dims);
  const std::int64_t nth = args.call.attributes.flag("reverse") ? size - 1 - n : n;
  for_reals(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* from = elements<T>(x);
    std::vector<Compute<T>> row(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < y.num_elements(); ++i) {
      for (std::int64_t j = 0; j < size; ++j) {
        row[static_cast<std::size_t>(j)] = load(from[i * size + j]);
      }
      // A strict weak order in spite of NaN, which counts as largest.
      std::nth_element(row.begin(), row.begin() + nth, row.end(),
                       [](Compute<T> a, Compute<T> b) { return a < b || (a == a && b != b); });
      mutable_elements<T>(y)[i] = store<T>(row[static_cast<std::size_t>(nth)]);
    }
  });
  return {y};
}

// (sorted [B, N], values [B, M]) -> (position [B, M]) where each value could be put in.
std::vector<Tensor> search_sorted(const HostArgs& args) {
  const Tensor &sorted = args.in[0], &values = args.in[1];
  const bool upper = args.call.attributes.flag("upper");
  const std::int64_t size = sorted.shape()[1], count = values.shape()[1];
  std::vector<std::int64_t> positions(static_cast<std::size_t>(values.num_elements()));
  for_reals(sorted.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto less_than = [](const T& a, const T& b) { return load(a) < load(b); };
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const T* row = elements<T>(sorted) + static_cast<std::int64_t>(i) / count * size;
      const T& value = elements<T>(values)[i];
      const T* at = upper ? std::upper_bound(row, row + size, value, less_than)
                          : std::lower_bound(row, row + size, value, less_than);
      positions[i] = at - row;
    }
  });
  return {integer_tensor(args.call.attributes.dtype("dtype"), values.shape().dims(), positions)};
}

// (permutation [n]) -> (inverse [n])
std::vector<Tensor> invert_permutation(const HostArgs& args) {
  const std::vector<std::int64_t> permutation = integers(args.in[0]);
  std::vector<std::int64_t> inverse(permutation.size(), -1);
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    const std::int64_t axis = permutation[i];
    if (axis < 0 || axis >= static_cast<std::int64_t>(inverse.size()) ||
        inverse[static_cast<std::size_t>(axis)] != -1) {
      invalid("[{}] is no permutation", fmt::join(permutation, ", "));
    }
    inverse[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(i);
  }
  return {integer_tensor(args.in[0].dtype(), args.in[0].shape().dims(), inverse)};
}

}  // namespace thaw::host
