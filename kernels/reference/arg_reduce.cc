// The index of the first largest or smallest element along an axis. As in TensorFlow, an element
// must beat the type's lowest (highest) finite number to be taken, so that NaNs are passed over and
// a line without any candidate gives 0.
#include "kernels/reference/along_axis.h"
#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

template <class T>
Compute<T> weakest(bool minimum) {
  if constexpr (kIsHalf<T>) {
    // Below every finite 16-bit number and above -infinity, or the reverse.
    const float beyond = std::numeric_limits<float>::max();
    return minimum ? beyond : -beyond;
  } else {
    using Limits = std::numeric_limits<T>;
    return minimum ? Limits::max() : Limits::lowest();
  }
}

template <class T>
KernelPtr search(const Lines& lines, bool minimum) {
  return make_kernel([lines, minimum](const Args& args) {
    const T* x = args.in[0].as<T>();
    lines.each([&](std::int64_t first, std::int64_t line) {
      Compute<T> best = weakest<T>(minimum);
      std::int64_t index = 0;
      for (std::int64_t i = 0; i < lines.size; ++i) {
        const Compute<T> value = load(x[first + i * lines.inner]);
        if (minimum ? value < best : value > best) {
          best = value;
          index = i;
        }
      }
      set_integer(args.out[0], line, index);
    });
  });
}

}  // namespace

KernelPtr prepare_arg_reduce(const Site& site) {
  const auto& op = site.op_as<ops::ArgReduce>();
  const Lines lines(site.in[0].shape, op.axis);
  if (lines.size == 0 && site.out[0].shape.num_elements() > 0) {
    fail(ErrorCode::invalid_argument, "arg{} along an empty axis of {}", op.minimum ? "min" : "max",
         site.in[0].shape.to_string());
  }
  const auto make = [&](auto tag) { return search<TypeOf<decltype(tag)>>(lines, op.minimum); };
  if (site.in[0].dtype == DType::boolean) return make(Tag<bool>{});
  return for_reals(site.in[0].dtype, make);
}

}  // namespace thaw::reference
