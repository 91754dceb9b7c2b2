// Shape, size or rank: known at preparation.
#include "kernels/reference/prepare.h"

namespace thaw::reference {

KernelPtr prepare_shape_query(const Site& site) {
  const Shape& x = site.in[0].shape;
  Ints values;
  switch (site.op_as<ops::ShapeQuery>().kind) {
    case ShapeQueryKind::shape: values = x.dims(); break;
    case ShapeQueryKind::size: values = {x.num_elements()}; break;
    case ShapeQueryKind::rank: values = {x.rank()}; break;
  }
  return for_integers(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([values](const Args& args) {
      T* y = args.out[0].as_mutable<T>();
      for (std::size_t i = 0; i < values.size(); ++i) y[i] = static_cast<T>(values[i]);
    });
  });
}

}  // namespace thaw::reference
