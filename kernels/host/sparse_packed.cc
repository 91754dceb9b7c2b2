// Sparse tensors packed into three strings each, the messages of indices, values and shape, which
// loops over their rows carry.
#include <algorithm>
#include <numeric>

#include "kernels/host/example.h"
#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

constexpr std::int64_t kParts = 3;
// A shape claims slices without a value, too.
constexpr std::int64_t kMostSlices = std::int64_t{1} << 24;

void pack_sparse(const Tensor& indices, const Tensor& values, const Tensor& shape,
                 std::string* out) {
  out[0] = tensor_message(indices, true);
  out[1] = tensor_message(values, true);
  out[2] = tensor_message(shape, true);
}

Tensor dims_tensor(const Ints& dims) {
  return integer_tensor(DType::int64, {static_cast<std::int64_t>(dims.size())}, dims);
}

/// The positions of the rows, ordered by the first dimension's slices.
Ints by_slice(const SparseIndices& indices) {
  Ints order(static_cast<std::size_t>(indices.count));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return indices.row(i)[0]; });
  return order;
}

/// Sparse tensors below each other, one for each position of the dimensions in front.
struct Unpacked {
  Ints front;  // the dimensions in front
  Ints rows, shape;
  std::size_t rank = 0;
  std::vector<Tensor> values;

  void add(const std::string* parts, std::int64_t position, DType dtype);
};

void Unpacked::add(const std::string* parts, std::int64_t position, DType dtype) {
  const Tensor indices = tensor_of_message(parts[0], DType::int64);
  const Tensor dims = tensor_of_message(parts[2], DType::int64);
  values.push_back(tensor_of_message(parts[1], dtype));
  if (indices.shape().rank() != 2 || values.back().shape().rank() != 1 ||
      dims.shape().rank() != 1) {
    invalid("packed indices {}, values {} and shape {}", indices.shape().to_string(),
            values.back().shape().to_string(), dims.shape().to_string());
  }
  const SparseIndices sparse(indices, dims, values.back().num_elements());
  if (values.size() == 1) {
    rank = sparse.rank;
    shape = sparse.shape;
  }
  if (sparse.rank != rank) {
    invalid("Inconsistent rank across SparseTensors: {} and {}", rank, sparse.rank);
  }
  for (std::size_t axis = 0; axis < rank; ++axis) {
    shape[axis] = std::max(shape[axis], sparse.shape[axis]);
  }
  Ints place(front.size());
  for (std::size_t axis = front.size(); axis-- > 0; position /= front[axis]) {
    place[axis] = position % front[axis];
  }
  for (std::int64_t i = 0; i < sparse.count; ++i) {
    rows.insert(rows.end(), place.begin(), place.end());
    rows.insert(rows.end(), sparse.row(i), sparse.row(i) + rank);
  }
}

Tensor joined_sparse_values(const std::vector<Tensor>& parts, DType dtype) {
  std::int64_t count = 0;
  for (const Tensor& part : parts) count += part.num_elements();
  Tensor y = allocate(dtype, {count});
  if (dtype == DType::string) {
    auto* to = y.mutable_data<std::string>();
    for (const Tensor& part : parts) {
      to = std::copy_n(part.data<std::string>(), part.num_elements(), to);
    }
    return y;
  }
  auto* to = static_cast<char*>(y.mutable_data());
  for (const Tensor& part : parts) {
    to = std::copy_n(static_cast<const char*>(part.data()), part.size_bytes(), to);
  }
  return y;
}

}  // namespace

// (indices, values, shape) -> (strings): [3], or with `rows` [n, 3], one sparse tensor for each
// slice of the first dimension.
std::vector<Tensor> serialize_sparse(const HostArgs& args) {
  const SparseIndices indices(args.in[0], args.in[2], args.in[1].num_elements());
  if (!args.call.attributes.flag("rows")) {
    Tensor y(DType::string, Shape{kParts});
    pack_sparse(args.in[0], args.in[1], args.in[2], y.mutable_data<std::string>());
    return {std::move(y)};
  }
  if (indices.rank < 2) {
    invalid("Rank of input SparseTensor should be > 1, but saw rank: {}", indices.rank);
  }
  const std::int64_t slices = indices.shape[0];
  if (slices > kMostSlices) fail(ErrorCode::resource_exhausted, "{} packed tensors", slices);
  Tensor y(DType::string, Shape{slices, kParts});
  const Tensor shape = dims_tensor({indices.shape.begin() + 1, indices.shape.end()});
  const Ints order = by_slice(indices);
  auto next = order.begin();
  for (std::int64_t slice = 0; slice < slices; ++slice) {
    Ints rows, positions;
    for (; next != order.end() && indices.row(*next)[0] == slice; ++next) {
      positions.push_back(*next);
      rows.insert(rows.end(), indices.row(*next) + 1, indices.row(*next) + indices.rank);
    }
    pack_sparse(index_tensor(rows, indices.rank - 1), take_elements(args.in[1], positions), shape,
                y.mutable_data<std::string>() + slice * kParts);
  }
  return {std::move(y)};
}

// (strings [..., 3]) -> (indices, values, shape): the dimensions in front come first; the others
// are as large as the largest.
std::vector<Tensor> deserialize_sparse(const HostArgs& args) {
  const Tensor& packed = args.in[0];
  const Shape& shape = packed.shape();
  if (shape.rank() < 1 || shape[shape.rank() - 1] != kParts) {
    invalid("Serialized sparse should have 3 as the last dimension, found {}", shape.to_string());
  }
  const std::int64_t count = packed.num_elements() / kParts;
  if (count == 0) invalid("Must have at least 1 serialized SparseTensor, but got 0");
  const DType dtype = args.out[1].dtype;
  Unpacked result;
  result.front.assign(shape.dims().begin(), shape.dims().end() - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    result.add(packed.data<std::string>() + i * kParts, i, dtype);
  }
  Ints dims = result.front;
  dims.insert(dims.end(), result.shape.begin(), result.shape.end());
  const Tensor values = joined_sparse_values(result.values, dtype);
  const Tensor indices = integer_tensor(
      DType::int64, {values.num_elements(), static_cast<std::int64_t>(dims.size())}, result.rows);
  return {indices, values, dims_tensor(dims)};
}

}  // namespace thaw::host
