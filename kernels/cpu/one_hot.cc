// OneHot: the result filled with `off`, then `on` written at each index that lies inside. Parallel
// over the blocks in front of the new axis.
#include <algorithm>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/reference/dispatch.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {

std::unique_ptr<Kernel> prepare_one_hot(const Site& site) {
  const Shape& y = site.out[0].shape;
  if (site.out[0].dtype == DType::string) return nullptr;
  const std::int64_t given = site.op_as<ops::OneHot>().axis;
  const int axis = static_cast<int>(given < 0 ? given + y.rank() : given);
  const std::int64_t outer = product(y, 0, axis), depth = y[axis];
  const std::int64_t inner = product(y, axis + 1, y.rank());
  return reference::for_storage(site.out[0].dtype, [&](auto tag) {
    using T = reference::TypeOf<decltype(tag)>;
    return plain_kernel("cpu one hot", [=](const Args& args) {
      const T on = *args.in[2].as<T>(), off = *args.in[3].as<T>();
      T* out = args.out[0].as_mutable<T>();
      parallel(args, outer, depth * inner, [&](std::int64_t begin, std::int64_t end) {
        std::fill(out + begin * depth * inner, out + end * depth * inner, off);
        for (std::int64_t at = begin * inner; at < end * inner; ++at) {
          const std::int64_t index = reference::integer_at(args.in[0], at);
          if (index < 0 || index >= depth) continue;
          out[(at / inner * depth + index) * inner + at % inner] = on;
        }
      });
    });
  });
}

}  // namespace thaw::cpu
