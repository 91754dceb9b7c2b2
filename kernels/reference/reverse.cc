// Reverse, and reverse of each sequence up to its own length.
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"
#include "runtime/base/check.h"

namespace thaw::reference {

KernelPtr prepare_reverse(const Site& site) {
  const Shape& x = site.in[0].shape;
  const std::vector<bool> reversed = axis_flags(site.op_as<ops::Reverse>().axes, x.rank());
  const Ints dense = row_major_strides(x);
  Ints strides = dense;
  std::int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (!reversed[a]) continue;
    strides[a] = -dense[a];
    start += (x[axis] - 1) * dense[a];
  }
  return move_kernel(site.in[0].dtype, StridedCopy(x.dims(), strides, dense, start));
}

KernelPtr prepare_reverse_sequence(const Site& site) {
  const auto& op = site.op_as<ops::ReverseSequence>();
  const Shape& x = site.in[0].shape;
  const int sequence = axis_of(op.sequence_axis, x.rank());
  const int batch = axis_of(op.batch_axis, x.rank());
  const Ints strides = row_major_strides(x);
  Ints rest = x.dims();  // what one step of one sequence holds
  rest[static_cast<std::size_t>(sequence)] = rest[static_cast<std::size_t>(batch)] = 1;
  const NestedLoop<1> step(rest, {strides});
  const std::int64_t batches = x[batch], steps = x[sequence];
  const std::int64_t batch_stride = strides[static_cast<std::size_t>(batch)];
  const std::int64_t step_stride = strides[static_cast<std::size_t>(sequence)];
  return for_storage(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([=](const Args& args) {
      const T* from = args.in[0].as<T>();
      T* to = args.out[0].as_mutable<T>();
      for (std::int64_t b = 0; b < batches; ++b) {
        const std::int64_t length = integer_at(args.in[1], b);
        if (length < 0 || length > steps) {
          fail(ErrorCode::invalid_argument, "lengths[{}] = {} is not in [0, {}]", b, length, steps);
        }
        for (std::int64_t t = 0; t < steps; ++t) {
          const std::int64_t source = t < length ? length - 1 - t : t;
          const T* x_step = from + b * batch_stride + source * step_stride;
          T* y_step = to + b * batch_stride + t * step_stride;
          step.each([=](const NestedLoop<1>::Offsets& at) { y_step[at[0]] = x_step[at[0]]; });
        }
      }
    });
  });
}

}  // namespace thaw::reference
