// Gather along an axis, and by index tuples. An index outside is an error that names it.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

/// params [batch, outer, size, inner], indices [batch, count] -> [batch, outer, count, inner].
struct GatherPlan {
  std::int64_t batch = 1, outer = 1, size = 1, inner = 1, count = 1;
  bool from_end = false;
};

template <class T>
void gather(const GatherPlan& plan, const T* params, const View& indices, T* y) {
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    for (std::int64_t o = 0; o < plan.outer; ++o) {
      for (std::int64_t i = 0; i < plan.count; ++i) {
        const std::int64_t given = integer_at(indices, b * plan.count + i);
        const std::int64_t index = given < 0 && plan.from_end ? given + plan.size : given;
        if (index < 0 || index >= plan.size) {
          fail(ErrorCode::invalid_argument, "indices[{}] = {} is not in [{}, {})",
               b * plan.count + i, given, plan.from_end ? -plan.size : 0, plan.size);
        }
        y = std::copy_n(params + index * plan.inner, plan.inner, y);
      }
      params += plan.size * plan.inner;
    }
  }
}

/// params [batch, dims..., inner], indices [batch, count, depth] -> [batch, count, inner].
struct GatherNdPlan {
  std::int64_t batch = 1, count = 1, depth = 0, inner = 1, params_batch = 1;
  Ints dims, strides;  // of the indexed axes; strides in elements
};

template <class T>
void gather_nd(const GatherNdPlan& plan, const T* params, const View& indices, T* y) {
  std::int64_t at = 0;
  for (std::int64_t b = 0; b < plan.batch; ++b, params += plan.params_batch) {
    for (std::int64_t i = 0; i < plan.count; ++i) {
      std::int64_t offset = 0;
      for (std::size_t d = 0; d < plan.dims.size(); ++d, ++at) {
        const std::int64_t index = integer_at(indices, at);
        if (index < 0 || index >= plan.dims[d]) {
          fail(ErrorCode::invalid_argument, "indices[{}, {}] = {} is not in [0, {})",
               b * plan.count + i, d, index, plan.dims[d]);
        }
        offset += index * plan.strides[d];
      }
      y = std::copy_n(params + offset, plan.inner, y);
    }
  }
}

}  // namespace

KernelPtr prepare_gather(const Site& site) {
  const auto& op = site.op_as<ops::Gather>();
  const Shape &params = site.in[0].shape, &indices = site.in[1].shape;
  const int axis = axis_of(op.axis, params.rank());
  const int batch_dims =
      static_cast<int>(op.batch_dims < 0 ? op.batch_dims + indices.rank() : op.batch_dims);
  THAW_CHECK(batch_dims >= 0 && batch_dims <= axis && batch_dims <= indices.rank(),
             "gather: {} batch dimensions, axis {}", batch_dims, axis);
  const GatherPlan plan{product(params, 0, batch_dims),
                        product(params, batch_dims, axis),
                        params[axis],
                        product(params, axis + 1, params.rank()),
                        product(indices, batch_dims, indices.rank()),
                        op.from_end};
  return for_storage(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([plan](const Args& args) {
      gather(plan, args.in[0].as<T>(), args.in[1], args.out[0].as_mutable<T>());
    });
  });
}

KernelPtr prepare_gather_nd(const Site& site) {
  const Shape &params = site.in[0].shape, &indices = site.in[1].shape;
  const int last = indices.rank() - 1;
  THAW_CHECK(last >= 0, "gather_nd with scalar indices");
  const int batch_dims = static_cast<int>(site.op_as<ops::GatherNd>().batch_dims);
  GatherNdPlan plan;
  plan.depth = indices[last];
  const int first_inner = batch_dims + static_cast<int>(plan.depth);
  THAW_CHECK(batch_dims >= 0 && batch_dims <= last && first_inner <= params.rank(),
             "gather_nd: {} batch dimensions, depth {}", batch_dims, plan.depth);
  const Ints strides = row_major_strides(params);
  for (int axis = batch_dims; axis < first_inner; ++axis) {
    plan.dims.push_back(params[axis]);
    plan.strides.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  plan.batch = product(indices, 0, batch_dims);
  plan.count = product(indices, batch_dims, last);
  plan.inner = product(params, first_inner, params.rank());
  plan.params_batch = product(params, batch_dims, params.rank());
  return for_storage(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([plan](const Args& args) {
      gather_nd(plan, args.in[0].as<T>(), args.in[1], args.out[0].as_mutable<T>());
    });
  });
}

}  // namespace thaw::reference
