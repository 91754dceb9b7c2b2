// A copy of a tensor with slices replaced or combined by index tuples, in order.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

struct ScatterPlan {
  std::int64_t elements = 0, count = 1, inner = 1;
  Ints dims, strides;  // of the indexed axes; strides in elements
};

ScatterPlan plan_scatter(const Site& site) {
  const Shape &tensor = site.in[0].shape, &indices = site.in[1].shape;
  const int last = indices.rank() - 1;
  THAW_CHECK(last >= 0 && indices[last] <= tensor.rank(), "scatter into {} by indices {}",
             tensor.to_string(), indices.to_string());
  const int depth = static_cast<int>(indices[last]);
  const Ints strides = row_major_strides(tensor);
  ScatterPlan plan;
  plan.elements = tensor.num_elements();
  plan.count = product(indices, 0, last);
  plan.inner = product(tensor, depth, tensor.rank());
  plan.dims.assign(tensor.dims().begin(), tensor.dims().begin() + depth);
  plan.strides.assign(strides.begin(), strides.begin() + depth);
  return plan;
}

template <class T, class Combine>
KernelPtr scatter(const ScatterPlan& plan, const Combine& combine) {
  return make_kernel([plan, combine](const Args& args) {
    T* y = args.out[0].as_mutable<T>();
    const T* update = args.in[2].as<T>();
    std::copy_n(args.in[0].as<T>(), plan.elements, y);
    std::int64_t at = 0;
    for (std::int64_t i = 0; i < plan.count; ++i) {
      std::int64_t offset = 0;
      for (std::size_t d = 0; d < plan.dims.size(); ++d, ++at) {
        const std::int64_t index = integer_at(args.in[1], at);
        if (index < 0 || index >= plan.dims[d]) {
          fail(ErrorCode::invalid_argument, "indices[{}, {}] = {} is not in [0, {})", i, d, index,
               plan.dims[d]);
        }
        offset += index * plan.strides[d];
      }
      for (std::int64_t j = 0; j < plan.inner; ++j)
        y[offset + j] = combine(y[offset + j], *update++);
    }
  });
}

}  // namespace

KernelPtr prepare_scatter(const Site& site) {
  const ScatterPlan plan = plan_scatter(site);
  const DType dtype = site.in[0].dtype;
  switch (site.op_as<ops::Scatter>().kind) {
    case ScatterKind::update:
      return for_storage(dtype, [&](auto tag) {
        using T = TypeOf<decltype(tag)>;
        return scatter<T>(plan, [](const T&, const T& update) { return update; });
      });
    case ScatterKind::add:
      return for_numbers(dtype, [&](auto tag) {
        using T = TypeOf<decltype(tag)>;
        return scatter<T>(plan,
                          [](T x, T update) { return store<T>(load_wide(x) + load_wide(update)); });
      });
    case ScatterKind::mul:
      return for_numbers(dtype, [&](auto tag) {
        using T = TypeOf<decltype(tag)>;
        return scatter<T>(plan,
                          [](T x, T update) { return store<T>(load_wide(x) * load_wide(update)); });
      });
    case ScatterKind::max:
      return for_reals(dtype, [&](auto tag) {
        using T = TypeOf<decltype(tag)>;
        return scatter<T>(plan, [](T x, T update) { return load(update) > load(x) ? update : x; });
      });
    case ScatterKind::min:
      return for_reals(dtype, [&](auto tag) {
        using T = TypeOf<decltype(tag)>;
        return scatter<T>(plan, [](T x, T update) { return load(update) < load(x) ? update : x; });
      });
  }
  return nullptr;
}

}  // namespace thaw::reference
