// Sparse tensors rearranged: sorted, reshaped, joined, cut.
#include <algorithm>
#include <numeric>

#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

/// Positions of the rows in lexicographic order; equal rows keep their order.
Ints sorted_order(const Ints& rows, std::size_t rank) {
  Ints order(rank == 0 ? 0 : rows.size() / rank);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const auto* first = rows.data() + static_cast<std::size_t>(a) * rank;
    const auto* second = rows.data() + static_cast<std::size_t>(b) * rank;
    return std::lexicographical_compare(first, first + rank, second, second + rank);
  });
  return order;
}

Ints take_rows(const Ints& rows, std::size_t rank, const Ints& order) {
  Ints taken;
  taken.reserve(rows.size());
  for (const std::int64_t i : order) {
    const auto* row = rows.data() + static_cast<std::size_t>(i) * rank;
    taken.insert(taken.end(), row, row + rank);
  }
  return taken;
}

Tensor shape_tensor(const Ints& shape) {
  return integer_tensor(DType::int64, {static_cast<std::int64_t>(shape.size())}, shape);
}

/// The target shape with its -1 filled in, as Reshape does it.
Ints resolve_shape(const Ints& wanted, std::int64_t elements) {
  Ints shape = wanted;
  std::int64_t known = 1, unknown = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      if (unknown >= 0) invalid("new_shape: more than one size is -1");
      unknown = static_cast<std::int64_t>(i);
    } else if (shape[i] < 0) {
      invalid("new_shape: found {}", shape[i]);
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      invalid("new_shape [{}] overflows", fmt::join(wanted, ", "));
    }
  }
  if (unknown >= 0) {
    if (known <= 0 || elements % known != 0) {
      invalid("{} elements do not fit into [{}]", elements, fmt::join(wanted, ", "));
    }
    shape[static_cast<std::size_t>(unknown)] = elements / known;
  } else if (known != elements) {
    invalid("{} elements do not fit into [{}]", elements, fmt::join(wanted, ", "));
  }
  return shape;
}

struct Parts {
  Ints rows, positions;  // of the chosen values
};

/// The values inside of the box, with indices counted from its corner.
Parts cut(const SparseIndices& indices, const Ints& start, const Ints& size) {
  Parts parts;
  for (std::int64_t i = 0; i < indices.count; ++i) {
    bool inside = true;
    for (std::size_t axis = 0; axis < indices.rank; ++axis) {
      const std::int64_t at = indices.row(i)[axis] - start[axis];
      inside = inside && at >= 0 && at < size[axis];
    }
    if (!inside) continue;
    parts.positions.push_back(i);
    for (std::size_t axis = 0; axis < indices.rank; ++axis) {
      parts.rows.push_back(indices.row(i)[axis] - start[axis]);
    }
  }
  return parts;
}

std::size_t axis_of(std::int64_t axis, std::size_t rank, const char* what) {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) invalid("{}: {} is outside of rank {}", what, axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

}  // namespace

// (indices, values, shape) -> (indices, values) in row-major order
std::vector<Tensor> sparse_reorder(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  const Ints order = sorted_order(indices.rows, indices.rank);
  return {index_tensor(take_rows(indices.rows, indices.rank, order), indices.rank),
          take_elements(args.in[1], order)};
}

// (indices, shape, new_shape) -> (indices, shape)
std::vector<Tensor> sparse_reshape(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[1], -1);
  const Ints shape = resolve_shape(integers(args.in[2]), dense_size(indices.shape));
  Ints rows(static_cast<std::size_t>(indices.count) * shape.size());
  for (std::int64_t i = 0; i < indices.count; ++i) {
    std::int64_t at = indices.offset(i);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      rows[static_cast<std::size_t>(i) * shape.size() + axis] = at % shape[axis];
      at /= shape[axis];
    }
  }
  return {
      integer_tensor(DType::int64, {indices.count, static_cast<std::int64_t>(shape.size())}, rows),
      shape_tensor(shape)};
}

// (indices..., values..., shapes...) -> (indices, values, shape) in row-major order
std::vector<Tensor> sparse_concat(const HostArgs& args) {
  const std::size_t count = args.in.size() / 3;
  Ints rows, shape;
  std::vector<std::pair<std::size_t, std::int64_t>> sources;  // operand and position of each value
  std::size_t axis = 0;
  for (std::size_t m = 0; m < count; ++m) {
    const SparseIndices part(args.in[m], args.in[2 * count + m], args.in[count + m].num_elements());
    if (m == 0) {
      axis = axis_of(args.call.attributes.integer("axis"), part.rank, "concat_dim");
      shape = part.shape;
      shape[axis] = 0;
    }
    if (part.rank != shape.size())
      invalid("shapes of {} and {} dimensions", shape.size(), part.rank);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (i != axis && shape[i] != part.shape[i]) {
        invalid("shapes differ along axis {}: {} and {}", i, shape[i], part.shape[i]);
      }
    }
    for (std::int64_t i = 0; i < part.count; ++i) {
      Ints row = part.position(i);
      row[axis] += shape[axis];
      rows.insert(rows.end(), row.begin(), row.end());
      sources.emplace_back(count + m, i);
    }
    if (__builtin_add_overflow(shape[axis], part.shape[axis], &shape[axis])) {
      invalid("sizes along axis {} overflow", axis);
    }
  }
  const Ints order = sorted_order(rows, shape.size());
  Tensor values = allocate(args.in[count].dtype(), {static_cast<std::int64_t>(order.size())});
  for_storage(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(values);
    for (const std::int64_t i : order) {
      const auto& [operand, at] = sources[static_cast<std::size_t>(i)];
      *to++ = elements<T>(args.in[operand])[at];
    }
  });
  return {index_tensor(take_rows(rows, shape.size(), order), shape.size()), values,
          shape_tensor(shape)};
}

// (indices, values, shape, start, size) -> (indices, values, shape)
std::vector<Tensor> sparse_slice(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  const Ints start = integers(args.in[3]), size = integers(args.in[4]);
  if (start.size() != indices.rank || size.size() != indices.rank) {
    invalid("start and size of {} and {} numbers for {} dimensions", start.size(), size.size(),
            indices.rank);
  }
  Ints shape(indices.rank);
  for (std::size_t axis = 0; axis < indices.rank; ++axis) {
    if (start[axis] < 0 || size[axis] < 0) invalid("start and size: found a negative number");
    const std::int64_t rest = std::max<std::int64_t>(indices.shape[axis] - start[axis], 0);
    shape[axis] = std::min(size[axis], rest);
  }
  const Parts parts = cut(indices, start, shape);
  return {index_tensor(parts.rows, indices.rank), take_elements(args.in[1], parts.positions),
          shape_tensor(shape)};
}

// (split_dim, indices, values, shape) -> (indices..., values..., shapes...)
std::vector<Tensor> sparse_split(const HostArgs& args) {
  const SparseIndices indices(args.in[1], args.in[3], args.in[2].num_elements());
  const std::size_t axis = axis_of(integer(args.in[0], "split_dim"), indices.rank, "split_dim");
  const std::size_t count = args.out.size() / 3;
  const auto parts = static_cast<std::int64_t>(count);
  const std::int64_t total = indices.shape[axis];
  if (parts > total) invalid("{} parts of an axis of {}", parts, total);
  std::vector<Tensor> results(args.out.size());
  Ints start(indices.rank, 0), size = indices.shape;
  for (std::size_t m = 0; m < count; ++m) {
    // The first parts take what does not divide evenly.
    size[axis] = total / parts + (static_cast<std::int64_t>(m) < total % parts ? 1 : 0);
    const Parts part = cut(indices, start, size);
    results[m] = index_tensor(part.rows, indices.rank);
    results[count + m] = take_elements(args.in[2], part.positions);
    results[2 * count + m] = shape_tensor(size);
    start[axis] += size[axis];
  }
  return results;
}

// (indices, values, shape, default) -> (indices, values, which rows were empty, where each value
// went)
std::vector<Tensor> sparse_fill_empty_rows(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  if (indices.rank == 0) invalid("dense_shape: expected at least one dimension");
  const std::int64_t rows = indices.shape[0];
  Tensor empty = allocate(DType::boolean, {rows});
  Ints first(static_cast<std::size_t>(rows) + 1, 0);  // where each row of the result begins
  for (std::int64_t i = 0; i < indices.count; ++i)
    ++first[static_cast<std::size_t>(indices.row(i)[0]) + 1];
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    empty.mutable_data<bool>()[row] = first[at + 1] == 0;
    first[at + 1] = first[at] + std::max<std::int64_t>(first[at + 1], 1);
  }
  const std::int64_t count = first.back();
  Ints result(static_cast<std::size_t>(count) * indices.rank, 0), moved;
  for (std::int64_t row = 0; row < rows; ++row) {
    result[static_cast<std::size_t>(first[static_cast<std::size_t>(row)]) * indices.rank] = row;
  }
  for (std::int64_t i = 0; i < indices.count; ++i) {
    const std::int64_t to = first[static_cast<std::size_t>(indices.row(i)[0])]++;
    std::copy(indices.row(i), indices.row(i) + indices.rank,
              result.begin() + to * static_cast<std::int64_t>(indices.rank));
    moved.push_back(to);
  }
  Tensor values = allocate(args.in[1].dtype(), {count});
  for_storage(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(values);
    std::fill(to, to + count, elements<T>(args.in[3])[0]);
    for (std::size_t i = 0; i < moved.size(); ++i) to[moved[i]] = elements<T>(args.in[1])[i];
  });
  return {index_tensor(result, indices.rank), values, empty,
          integer_tensor(DType::int64, {indices.count}, moved)};
}

}  // namespace thaw::host
