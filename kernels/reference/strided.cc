#include "kernels/reference/strided.h"

namespace thaw::reference {

KernelPtr move_kernel(DType dtype, std::vector<Move> moves) {
  return for_storage(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([moves](const Args& args) {
      for (const Move& move : moves) {
        move.copy.run(args.in[move.in].as<T>(), args.out[move.out].as_mutable<T>());
      }
    });
  });
}

}  // namespace thaw::reference
