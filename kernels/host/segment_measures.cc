// Monotone fits and nearest rows.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

/// Neighbours that share one value.
template <class C>
struct Pool {
  std::int64_t begin, size;
  C sum, mean;
};

/// The decreasing sequence with the least squared distance to `row`: neighbours that rise are
/// pooled.
template <class C>
std::vector<Pool<C>> decreasing_pools(const std::vector<C>& row) {
  std::vector<Pool<C>> pools;
  for (std::size_t i = 0; i < row.size(); ++i) {
    pools.push_back({static_cast<std::int64_t>(i), 1, row[i], row[i]});
    while (pools.size() > 1 && pools.back().mean > pools[pools.size() - 2].mean) {
      const Pool<C> last = pools.back();
      pools.pop_back();
      Pool<C>& before = pools.back();
      before.size += last.size;
      before.sum += last.sum;
      before.mean = before.sum / static_cast<C>(before.size);
    }
  }
  return pools;
}

}  // namespace

// (x [batch, n]) -> (fit [batch, n], number of the pool of each element)
std::vector<Tensor> isotonic_regression(const HostArgs& args) {
  const Tensor& x = args.in[0];
  Tensor fit = allocate(args.out[0].dtype, x.shape().dims());
  Tensor segments = allocate(DType::int32, x.shape().dims());
  const std::int64_t rows = x.shape()[0], n = x.shape()[1];
  auto* number = mutable_elements<std::int32_t>(segments);
  for_floats(fit.dtype(), [&](auto to) {
    using T = TypeOf<decltype(to)>;
    using C = Compute<T>;
    T* y = mutable_elements<T>(fit);
    for_reals(x.dtype(), [&](auto from) {
      const auto* values = elements<TypeOf<decltype(from)>>(x);
      std::vector<C> row(static_cast<std::size_t>(n));
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t i = 0; i < n; ++i) {
          row[static_cast<std::size_t>(i)] = load(store<T>(load(values[r * n + i])));
        }
        const std::vector<Pool<C>> pools = decreasing_pools(row);
        for (std::size_t p = 0; p < pools.size(); ++p) {
          for (std::int64_t i = 0; i < pools[p].size; ++i) {
            y[r * n + pools[p].begin + i] = store<T>(pools[p].mean);
            number[r * n + pools[p].begin + i] = static_cast<std::int32_t>(p);
          }
        }
      }
    });
  });
  return {std::move(fit), std::move(segments)};
}

// (points [n, d], centers [m, d], k) -> (the k nearest centers of each point, squared distances)
std::vector<Tensor> nearest_neighbors(const HostArgs& args) {
  const Tensor &points = args.in[0], &centers = args.in[1];
  const std::int64_t n = points.shape()[0], m = centers.shape()[0], d = points.shape()[1];
  if (d != centers.shape()[1]) {
    invalid("points have {} numbers each, centers {}", d, centers.shape()[1]);
  }
  const std::int64_t asked = integer(args.in[2], "k");
  if (asked < 1) invalid("k: expected at least 1, found {}", asked);
  const std::int64_t k = std::min(asked, m);
  Tensor indices = allocate(DType::int64, {n, k}), distances = allocate(points.dtype(), {n, k});
  for_floats(points.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T *p = elements<T>(points), *c = elements<T>(centers);
    std::vector<double> to_all(static_cast<std::size_t>(m));
    std::vector<std::int64_t> order(static_cast<std::size_t>(m));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < m; ++j) {
        double sum = 0;
        for (std::int64_t a = 0; a < d; ++a) {
          const double difference =
              static_cast<double>(load(p[i * d + a])) - static_cast<double>(load(c[j * d + a]));
          sum += difference * difference;
        }
        to_all[static_cast<std::size_t>(j)] = sum;
      }
      std::iota(order.begin(), order.end(), std::int64_t{0});
      // NaN is no distance that could be ordered: it counts as the largest.
      const auto key = [&](std::int64_t j) {
        const double value = to_all[static_cast<std::size_t>(j)];
        return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
      };
      std::partial_sort(order.begin(), order.begin() + k, order.end(),
                        [&](std::int64_t a, std::int64_t b) {
                          return key(a) != key(b) ? key(a) < key(b) : a < b;
                        });
      for (std::int64_t j = 0; j < k; ++j) {
        const std::int64_t at = order[static_cast<std::size_t>(j)];
        mutable_elements<std::int64_t>(indices)[i * k + j] = at;
        mutable_elements<T>(distances)[i * k + j] = store<T>(to_all[static_cast<std::size_t>(at)]);
      }
    }
  });
  return {std::move(indices), std::move(distances)};
}

}  // namespace thaw::host
