// Sparse tensors reduced, normalised and combined with each other.
#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

/// The axes that are summed over.
std::vector<bool> reduced_axes(const Tensor& operand, std::size_t rank) {
  const Ints axes = integers(operand);
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : axes) {
    const auto size = static_cast<std::int64_t>(rank);
    if (axis < -size || axis >= size)
      invalid("reduction_axes: {} is outside of rank {}", axis, rank);
    reduced[static_cast<std::size_t>(axis < 0 ? axis + size : axis)] = true;
  }
  return reduced;
}

template <class T>
T combine(const std::string& kind, const T& x, const T& y) {
  if constexpr (!kIsComplex<T>) {
    if (kind == "max") return load(x) < load(y) ? y : x;
    if (kind == "min") return load(y) < load(x) ? y : x;
  }
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  } else {
    return store<T>(load(x) + load(y));
  }
}

/// Compares rows of two sparse tensors: negative, 0 or positive.
int compare_rows(const std::int64_t* a, const std::int64_t* b, std::size_t rank) {
  for (std::size_t i = 0; i < rank; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

/// The union of two sparse tensors in row-major order; -1 where one has no value.
std::vector<std::pair<std::int64_t, std::int64_t>> merge(const SparseIndices& a,
                                                         const SparseIndices& b) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  std::int64_t i = 0, j = 0;
  while (i < a.count || j < b.count) {
    int order = i == a.count ? 1 : j == b.count ? -1 : 0;
    if (order == 0) order = compare_rows(a.row(i), b.row(j), a.rank);
    pairs.emplace_back(order <= 0 ? i++ : -1, order >= 0 ? j++ : -1);
  }
  return pairs;
}

/// Whether a sum is kept: at least the threshold in magnitude.
template <class T>
bool reaches(const T& value, const Tensor& threshold) {
  if constexpr (std::is_unsigned_v<T>) {
    return static_cast<double>(value) >= real(threshold, "thresh");
  } else {
    return static_cast<double>(std::abs(load(value))) >= real(threshold, "thresh");
  }
}

}  // namespace

// (indices, values, shape, axes) -> (dense): only values that are there count; none gives 0.
std::vector<Tensor> sparse_reduce(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  const std::vector<bool> reduced = reduced_axes(args.in[3], indices.rank);
  const bool keep = args.call.attributes.flag("keep_dims");
  const std::string& kind = args.call.attributes.text("kind");
  Ints dims;
  for (std::size_t axis = 0; axis < indices.rank; ++axis) {
    if (!reduced[axis]) dims.push_back(indices.shape[axis]);
    if (reduced[axis] && keep) dims.push_back(1);
  }
  Tensor y = allocate(args.in[1].dtype(), dims);
  std::vector<bool> seen(static_cast<std::size_t>(y.num_elements()), false);
  for_numbers(y.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(y);
    for (std::int64_t i = 0; i < indices.count; ++i) {
      std::int64_t at = 0;
      for (std::size_t axis = 0; axis < indices.rank; ++axis) {
        if (!reduced[axis]) at = at * indices.shape[axis] + indices.row(i)[axis];
      }
      const T& value = elements<T>(args.in[1])[i];
      to[at] = seen[static_cast<std::size_t>(at)] ? combine(kind, to[at], value) : value;
      seen[static_cast<std::size_t>(at)] = true;
    }
  });
  return {y};
}

// (indices, values, shape, axes) -> (indices, values, shape): the same where there is a value.
std::vector<Tensor> sparse_reduce_sparse(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  const std::vector<bool> reduced = reduced_axes(args.in[3], indices.rank);
  const bool keep = args.call.attributes.flag("keep_dims");
  const std::string& kind = args.call.attributes.text("kind");
  std::map<Ints, Ints> groups;  // where a result stands, and the values that it is made of
  for (std::int64_t i = 0; i < indices.count; ++i) {
    Ints at;
    for (std::size_t axis = 0; axis < indices.rank; ++axis) {
      if (!reduced[axis]) at.push_back(indices.row(i)[axis]);
      if (reduced[axis] && keep) at.push_back(0);
    }
    groups[at].push_back(i);
  }
  Ints dims, rows;
  for (std::size_t axis = 0; axis < indices.rank; ++axis) {
    if (!reduced[axis]) dims.push_back(indices.shape[axis]);
    if (reduced[axis] && keep) dims.push_back(1);
  }
  const auto count = static_cast<std::int64_t>(groups.size());
  Tensor values = allocate(args.in[1].dtype(), {count});
  for_numbers(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(values);
    for (const auto& [at, members] : groups) {
      *to = elements<T>(args.in[1])[members[0]];
      for (std::size_t k = 1; k < members.size(); ++k) {
        *to = combine(kind, *to, elements<T>(args.in[1])[members[k]]);
      }
      ++to;
      rows.insert(rows.end(), at.begin(), at.end());
    }
  });
  const auto rank = static_cast<std::int64_t>(dims.size());
  return {integer_tensor(DType::int64, {count, rank}, rows), values,
          integer_tensor(DType::int64, {rank}, dims)};
}

// (indices, values, shape) -> (values): softmax over the values of each innermost row.
std::vector<Tensor> sparse_softmax(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  if (indices.rank < 2) invalid("sp_shape: expected at least 2 dimensions, found {}", indices.rank);
  std::map<Ints, Ints> groups;
  for (std::int64_t i = 0; i < indices.count; ++i) {
    groups[Ints(indices.row(i), indices.row(i) + indices.rank - 1)].push_back(i);
  }
  Tensor y = args.in[1].clone();
  for_floats(y.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(y);
    for (const auto& [position, members] : groups) {
      Compute<T> largest = load(to[members[0]]), total = 0;
      for (const std::int64_t i : members) largest = std::max(largest, load(to[i]));
      for (const std::int64_t i : members) total += std::exp(load(to[i]) - largest);
      for (const std::int64_t i : members)
        to[i] = store<T>(std::exp(load(to[i]) - largest) / total);
    }
  });
  return {y};
}

// (a indices, values, shape, b indices, values, shape, [threshold]) -> (indices, values, [shape]):
// elementwise sum, maximum or minimum, where a value that is missing is 0.
std::vector<Tensor> sparse_combine(const HostArgs& args) {
  const SparseIndices a(args.in[0], args.in[2], args.in[1].num_elements());
  const SparseIndices b(args.in[3], args.in[5], args.in[4].num_elements());
  if (a.shape != b.shape) {
    invalid("shapes [{}] and [{}]", fmt::join(a.shape, ", "), fmt::join(b.shape, ", "));
  }
  const std::string& kind = args.call.attributes.text("kind");
  const bool adds = args.in.size() == 7;
  const auto pairs = merge(a, b);
  Tensor values = allocate(args.in[1].dtype(), {static_cast<std::int64_t>(pairs.size())});
  Ints rows, kept;
  for_numbers(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(values);
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const auto& [i, j] = pairs[k];
      const T x = i < 0 ? T{} : elements<T>(args.in[1])[i];
      const T y = j < 0 ? T{} : elements<T>(args.in[4])[j];
      to[k] = adds && j < 0 ? x : adds && i < 0 ? y : combine(kind, x, y);
      if (adds && !reaches(to[k], args.in[6])) continue;
      kept.push_back(static_cast<std::int64_t>(k));
      const std::int64_t* row = i < 0 ? b.row(j) : a.row(i);
      rows.insert(rows.end(), row, row + a.rank);
    }
  });
  std::vector<Tensor> results{index_tensor(rows, a.rank), take_elements(values, kept)};
  if (adds) results.push_back(args.in[2]);
  return results;
}

}  // namespace thaw::host
