// Sparse tensors with dense ones.
#include <algorithm>

#include "kernels/host/sparse.h"

namespace thaw::host {

SparseIndices::SparseIndices(const Tensor& indices, const Tensor& dims, std::int64_t values)
    : rows(integers(indices)), shape(integers(dims)) {
  // One column may go without its own axis: [n] stands for [n, 1], as in SparseToDense.
  rank = indices.shape().rank() == 2 ? static_cast<std::size_t>(indices.shape()[1]) : 1;
  count = indices.shape().rank() == 0 ? 1 : indices.shape()[0];
  if (rank != shape.size())
    invalid("indices of {} dimensions for a shape of {}", rank, shape.size());
  if (values >= 0 && count != values) invalid("{} indices for {} values", count, values);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int64_t size = shape[i % rank];
    if (rows[i] < 0 || rows[i] >= size) {
      invalid("indices: {} is outside of [0, {}), in row {}", rows[i], size, i / rank);
    }
  }
  for (const std::int64_t dim : shape) {
    if (dim < 0) invalid("shape: expected no negative number, found {}", dim);
  }
}

std::int64_t SparseIndices::offset(std::int64_t i) const {
  std::int64_t at = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) at = at * shape[axis] + row(i)[axis];
  return at;
}

Tensor take_elements(const Tensor& values, const Ints& positions) {
  Tensor taken = allocate(values.dtype(), {static_cast<std::int64_t>(positions.size())});
  for_storage(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(taken);
    for (const std::int64_t position : positions) *to++ = elements<T>(values)[position];
  });
  return taken;
}

std::int64_t dense_size(const Ints& shape) {
  std::int64_t size = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) invalid("shape: expected no negative number, found {}", dim);
    if (__builtin_mul_overflow(size, dim, &size)) {
      invalid("shape [{}] overflows", fmt::join(shape, ", "));
    }
  }
  return size;
}

Tensor index_tensor(const Ints& rows, std::size_t rank) {
  const std::int64_t count = rank == 0 ? 0 : static_cast<std::int64_t>(rows.size() / rank);
  return integer_tensor(DType::int64, {count, static_cast<std::int64_t>(rank)}, rows);
}

namespace {

void expect_ordered(const SparseIndices& indices) {
  for (std::int64_t i = 1; i < indices.count; ++i) {
    const auto* row = indices.row(i);
    const auto* previous = indices.row(i - 1);
    if (!std::lexicographical_compare(previous, previous + indices.rank, row, row + indices.rank)) {
      invalid("indices: row {} repeats or comes out of order", i);
    }
  }
}

/// What a right-hand side of fewer or smaller dimensions broadcasts to along `shape`.
Ints broadcast_strides(const Shape& dense, const Ints& shape) {
  if (dense.rank() > static_cast<int>(shape.size())) {
    invalid("a dense tensor of shape {} for a sparse one of {} dimensions", dense.to_string(),
            shape.size());
  }
  Ints strides(shape.size(), 0);
  std::int64_t stride = 1;
  for (int i = dense.rank() - 1; i >= 0; --i) {
    const std::size_t axis = shape.size() - static_cast<std::size_t>(dense.rank() - i);
    if (dense[i] != 1 && dense[i] != shape[axis]) {
      invalid("shape {} does not broadcast to [{}]", dense.to_string(), fmt::join(shape, ", "));
    }
    strides[axis] = dense[i] == 1 ? 0 : stride;
    stride *= dense[i];
  }
  return strides;
}

/// Division by zero of integers is an error, as elsewhere.
template <class T>
T divide(const T& x, const T& y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) invalid("integer division by zero");
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x));
    }
    return static_cast<T>(x / y);
  } else {
    return store<T>(load(x) / load(y));
  }
}

/// Integers wrap.
template <class T>
T multiply(const T& x, const T& y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y));
  } else {
    return store<T>(load(x) * load(y));
  }
}

template <class T>
T sum(const T& x, const T& y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  } else {
    return store<T>(load(x) + load(y));
  }
}

template <class T>
T conjugate(const T& x, bool adjoint) {
  if constexpr (kIsComplex<T>) {
    return adjoint ? std::conj(x) : x;
  } else {
    (void)adjoint;
    return x;
  }
}

template <class T>
void multiply_matrices(const SparseIndices& a, const T* values, const Tensor& b, bool adjoint_a,
                       bool adjoint_b, Tensor& y) {
  const std::int64_t columns = y.shape()[1], b_columns = b.shape()[1];
  const T* dense = elements<T>(b);
  std::vector<std::conditional_t<kIsFloat<T>, double, T>> totals(
      static_cast<std::size_t>(y.num_elements()));
  for (std::int64_t i = 0; i < a.count; ++i) {
    const std::int64_t row = a.row(i)[adjoint_a ? 1 : 0], inner = a.row(i)[adjoint_a ? 0 : 1];
    const T weight = conjugate(values[i], adjoint_a);
    for (std::int64_t j = 0; j < columns; ++j) {
      const T other =
          adjoint_b ? conjugate(dense[j * b_columns + inner], true) : dense[inner * b_columns + j];
      auto& total = totals[static_cast<std::size_t>(row * columns + j)];
      if constexpr (kIsFloat<T>) {
        total += static_cast<double>(load(weight)) * static_cast<double>(load(other));
      } else {
        total = sum(total, multiply(weight, other));
      }
    }
  }
  T* to = mutable_elements<T>(y);
  for (std::size_t i = 0; i < totals.size(); ++i) to[i] = store<T>(totals[i]);
}

}  // namespace

// (indices, output_shape, values [n] or scalar, default) -> (dense)
std::vector<Tensor> sparse_to_dense(const HostArgs& args) {
  const Tensor& values = args.in[2];
  const bool one_value = values.shape().rank() == 0;
  const SparseIndices indices(args.in[0], args.in[1], one_value ? -1 : values.num_elements());
  if (args.call.attributes.flag("validate_indices")) expect_ordered(indices);
  Tensor dense = allocate(values.dtype(), indices.shape);
  for_storage(values.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(dense);
    std::fill(to, to + dense.num_elements(), elements<T>(args.in[3])[0]);
    for (std::int64_t i = 0; i < indices.count; ++i) {
      to[indices.offset(i)] = elements<T>(values)[one_value ? 0 : i];
    }
  });
  return {dense};
}

// (indices, values, shape, dense) -> (dense)
std::vector<Tensor> sparse_dense_add(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  if (indices.shape != args.in[3].shape().dims()) {
    invalid("a dense tensor of shape {} and a sparse one of [{}]", args.in[3].shape().to_string(),
            fmt::join(indices.shape, ", "));
  }
  Tensor result = args.in[3].clone();
  for_numbers(result.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for (std::int64_t i = 0; i < indices.count; ++i) {
      T& to = mutable_elements<T>(result)[indices.offset(i)];
      to = sum(to, elements<T>(args.in[1])[i]);
    }
  });
  return {result};
}

// (indices [n, 2], values, shape, dense matrix) -> (product)
std::vector<Tensor> sparse_dense_matmul(const HostArgs& args) {
  const bool adjoint_a = args.call.attributes.flag("adjoint_a");
  const bool adjoint_b = args.call.attributes.flag("adjoint_b");
  const SparseIndices a(args.in[0], args.in[2], args.in[1].num_elements());
  if (a.rank != 2) invalid("a: expected a matrix, found {} dimensions", a.rank);
  const Tensor& b = args.in[3];
  const std::int64_t inner = a.shape[adjoint_a ? 0 : 1];
  if (b.shape()[adjoint_b ? 1 : 0] != inner) {
    invalid("a matrix of {} columns with one of {} rows", inner, b.shape()[adjoint_b ? 1 : 0]);
  }
  Tensor y = allocate(b.dtype(), {a.shape[adjoint_a ? 1 : 0], b.shape()[adjoint_b ? 0 : 1]});
  for_numbers(b.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    multiply_matrices<T>(a, elements<T>(args.in[1]), b, adjoint_a, adjoint_b, y);
  });
  return {y};
}

// (indices, values, shape, dense) -> (values): at the places of the sparse tensor alone.
std::vector<Tensor> sparse_dense_elementwise(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  const Ints strides = broadcast_strides(args.in[3].shape(), indices.shape);
  const std::string& kind = args.call.attributes.text("kind");
  Tensor result = args.in[1].clone();
  for_numbers(result.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for (std::int64_t i = 0; i < indices.count; ++i) {
      std::int64_t at = 0;
      for (std::size_t axis = 0; axis < indices.rank; ++axis) {
        at += indices.row(i)[axis] * strides[axis];
      }
      T& x = mutable_elements<T>(result)[i];
      const T& y = elements<T>(args.in[3])[at];
      x = kind == "mul" ? multiply(x, y) : kind == "div" ? divide(x, y) : sum(x, y);
    }
  });
  return {result};
}

}  // namespace thaw::host
