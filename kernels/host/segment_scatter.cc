// Slices combined by index tuples in ways that are no inner op: quotients, and joined strings.
#include "kernels/host/numeric.h"
#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

/// Where the slices that indices [..., depth] name begin in a tensor of this shape.
struct ScatterSlices {
  std::vector<std::int64_t> begin;
  std::int64_t size = 1;
};

ScatterSlices scatter_slices(const Shape& whole, const Tensor& indices, const Tensor& updates) {
  const int last = indices.shape().rank() - 1;
  if (last < 0) invalid("indices: expected at least one axis");
  const std::int64_t depth = indices.shape()[last];
  if (depth > whole.rank()) {
    invalid("indices {} of a tensor {}", indices.shape().to_string(), whole.to_string());
  }
  const auto axes = static_cast<int>(depth);
  ScatterSlices slices;
  slices.size = product(whole, axes, whole.rank());
  const std::int64_t count = product(indices.shape(), 0, last);
  if (updates.num_elements() != count * slices.size) {
    invalid("updates {} for {} slices of {}", updates.shape().to_string(), count,
            whole.to_string());
  }
  const std::vector<std::int64_t> at = integers(indices);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t slice = 0;
    for (int axis = 0; axis < axes; ++axis) {
      const std::int64_t index = at[static_cast<std::size_t>(i * depth + axis)];
      if (index < 0 || index >= whole[axis]) {
        invalid("indices[{}, {}] = {} is not in [0, {})", i, axis, index, whole[axis]);
      }
      slice = slice * whole[axis] + index;
    }
    slices.begin.push_back(slice * slices.size);
  }
  return slices;
}

}  // namespace

// (whole, indices [..., depth], updates) -> (whole): divided in order.
std::vector<Tensor> scatter_div(const HostArgs& args) {
  const Tensor &whole = args.in[0], &updates = args.in[2];
  const ScatterSlices slices = scatter_slices(whole.shape(), args.in[1], updates);
  const bool nonzero = args.call.attributes.flag("nonzero");
  Tensor y(whole.dtype(), whole.shape());
  for_numbers(whole.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(y);
    std::copy_n(elements<T>(whole), whole.num_elements(), to);
    const T* by = elements<T>(updates);
    for (const std::int64_t begin : slices.begin) {
      for (std::int64_t i = 0; i < slices.size; ++i, ++by) {
        const auto divisor = load(*by);
        if ((nonzero || std::is_integral_v<T>)&&divisor == Compute<T>(0)) {
          invalid("updates must not contain 0");
        }
        T& value = to[begin + i];
        if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
          // The least number by -1 stays what it is, as in its type's arithmetic.
          value = divisor == -1 ? static_cast<T>(std::make_unsigned_t<T>(0) -
                                                 static_cast<std::make_unsigned_t<T>>(value))
                                : static_cast<T>(value / divisor);
        } else {
          value = store<T>(load(value) / divisor);
        }
      }
    }
  });
  return {std::move(y)};
}

// (indices [..., depth], updates, shape [n]) -> (y): strings of one place follow each other.
std::vector<Tensor> scatter_strings(const HostArgs& args) {
  const Tensor& updates = args.in[1];
  const Shape shape = shape_from(integers(args.in[2]));
  const ScatterSlices slices = scatter_slices(shape, args.in[0], updates);
  Tensor y = allocate(DType::string, shape.dims());
  const std::string* from = updates.data<std::string>();
  auto* to = y.mutable_data<std::string>();
  for (const std::int64_t begin : slices.begin) {
    for (std::int64_t i = 0; i < slices.size; ++i, ++from) to[begin + i] += *from;
  }
  return {std::move(y)};
}

}  // namespace thaw::host
