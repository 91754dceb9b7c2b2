// Scatter, with one result whatever the order of threads: updates are sorted by where they go and
// among equals by their order, and one thread applies all that go to one element. No atomics.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

constexpr std::int64_t kNowhere = INT64_MAX;  // behind every place
constexpr std::int64_t kOneBlock = 8192;      // as many are sorted in one launch

/// Where an update goes, and which it is.
struct Target {
  std::int64_t place, update;
};

THAW_HOST_DEVICE inline bool goes_before(const Target& a, const Target& b) {
  return a.place != b.place ? a.place < b.place : a.update < b.update;
}

/// indices [count, depth] into dims; targets [padded], of which those behind count go nowhere.
struct TargetsBody {
  int depth;
  std::int64_t count, dims[kMostAxes], strides[kMostAxes];
  DType index_type;
  const void* indices;
  Target* targets;
  Fault* fault;
  std::int32_t step;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t place = i < count ? 0 : kNowhere;
    for (int d = 0; d < depth && place != kNowhere; ++d) {
      const std::int64_t index = integer_at(indices, index_type, i * depth + d);
      if (index < 0 || index >= dims[d]) {
        report(fault, Fault::index_out_of_range, step, i * depth + d, index, dims[d]);
        place = kNowhere;
      } else {
        place += index * strides[d];
      }
    }
    targets[i] = {place, i};
  }
};

/// One exchange of a bitonic network over a power of two: `run` elements become sorted.
struct ExchangeBody {
  Target* targets;
  std::int64_t run, distance;
  THAW_HOST_DEVICE void operator()(std::int64_t pair) const {
    const std::int64_t low = pair / distance * 2 * distance + pair % distance;
    const std::int64_t high = low + distance;
    const bool upwards = (low & run) == 0;
    const Target a = targets[low], b = targets[high];
    if (goes_before(b, a) == upwards) {
      targets[low] = b;
      targets[high] = a;
    }
  }
};

struct SortBody {
  Target* targets;
  std::int64_t count;  // a power of two
  THAW_DEVICE void operator()(const Block& block, std::int64_t) const {
    for (std::int64_t run = 2; run <= count; run *= 2) {
      for (std::int64_t distance = run / 2; distance > 0; distance /= 2) {
        block.each(count / 2, ExchangeBody{targets, run, distance});
      }
    }
  }
};

void enqueue_sort(const Queue& queue, Target* targets, std::int64_t count) {
  if (count <= kOneBlock) {
    if (count > 1) launch_blocks(queue, 1, 0, SortBody{targets, count});
    return;
  }
  for (std::int64_t run = 2; run <= count; run *= 2) {
    for (std::int64_t distance = run / 2; distance > 0; distance /= 2) {
      launch_each(queue, count / 2, ExchangeBody{targets, run, distance});
    }
  }
}

/// What one update makes of an element, rounded as if it were written.
template <class T>
THAW_HOST_DEVICE Compute<T> combined(ScatterKind kind, Compute<T> x, Compute<T> update) {
  if (kind == ScatterKind::max) return update > x ? update : x;
  if (kind == ScatterKind::min) return update < x ? update : x;
  const auto a = static_cast<Sum<T>>(x), b = static_cast<Sum<T>>(update);
  const Sum<T> result = kind == ScatterKind::add ? a + b : a * b;
  if constexpr (kIsHalf<T>) {
    return to_compute(from_compute<T>(result));
  } else {
    return static_cast<Compute<T>>(result);
  }
}

template <class T>
struct CombineBody {
  ScatterKind kind;
  std::int64_t count, inner;
  const Target* targets;  // sorted
  Reader<T> x, updates;
  Writer<T> y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t first = i / inner, within = i % inner, place = targets[first].place;
    if (place == kNowhere || (first > 0 && targets[first - 1].place == place)) return;
    Compute<T> value = x[place + within];
    for (std::int64_t n = first; n < count && targets[n].place == place; ++n) {
      value = combined<T>(kind, value, updates[targets[n].update * inner + within]);
    }
    y.put(place + within, value);
  }
};

/// The last update of an element replaces it.
template <class T>
struct ReplaceBody {
  std::int64_t count, inner;
  const Target* targets;  // sorted
  const T* updates;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t n = i / inner, within = i % inner, place = targets[n].place;
    if (place == kNowhere || (n + 1 < count && targets[n + 1].place == place)) return;
    y[place + within] = updates[targets[n].update * inner + within];
  }
};

/// apply(args, queue, targets): what the updates do to the result, which is a copy of the tensor.
template <class Apply>
KernelPtr scatter_kernel(const Site& site, const TargetsBody& shape, const Apply& apply) {
  const auto bytes =
      site.in[0].shape.num_elements() * static_cast<std::int64_t>(size_of(site.in[0].dtype));
  std::int64_t padded = 1;
  while (padded < shape.count) padded *= 2;
  const std::size_t workspace = static_cast<std::size_t>(padded) * sizeof(Target);
  return make_kernel({"cuda scatter", workspace, true}, [=](const Args& args, const Queue& queue) {
    if (bytes > 0) enqueue_copy(queue, args.in[0].data, args.out[0].data, bytes);
    if (shape.count == 0) return;
    TargetsBody find = shape;
    find.indices = args.in[1].data;
    find.targets = reinterpret_cast<Target*>(args.workspace);
    find.fault = queue.fault;
    find.step = queue.step;
    launch_each(queue, padded, find);
    enqueue_sort(queue, find.targets, padded);
    apply(args, queue, find.targets);
  });
}

}  // namespace

KernelPtr prepare_scatter(const Site& site) {
  const Shape &tensor = site.in[0].shape, &indices = site.in[1].shape;
  const int last = indices.rank() - 1;
  if (last < 0 || !is_integer(site.in[1].dtype)) return nullptr;
  if (indices[last] > kMostAxes || indices[last] > tensor.rank()) return nullptr;
  TargetsBody shape{};
  shape.depth = static_cast<int>(indices[last]);
  shape.count = product(indices, 0, last);
  shape.index_type = site.in[1].dtype;
  if (shape.count > std::int64_t{1} << 30) return nullptr;
  const Ints strides = row_major_strides(tensor);
  for (int d = 0; d < shape.depth; ++d) {
    shape.dims[d] = tensor[d];
    shape.strides[d] = strides[static_cast<std::size_t>(d)];
  }
  const ScatterKind kind = site.op_as<ops::Scatter>().kind;
  const std::int64_t count = shape.count, inner = product(tensor, shape.depth, tensor.rank());
  if (kind == ScatterKind::update) {
    return for_storage(site.in[0].dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      return scatter_kernel(site, shape,
                            [=](const Args& args, const Queue& queue, Target* targets) {
                              launch_each(queue, count * inner,
                                          ReplaceBody<T>{count, inner, targets, args.in[2].as<T>(),
                                                         args.out[0].as_mutable<T>()});
                            });
    });
  }
  return for_reals(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return scatter_kernel(site, shape, [=](const Args& args, const Queue& queue, Target* targets) {
      launch_each(queue, count * inner,
                  CombineBody<T>{kind, count, inner, targets, reader<T>(args.in[0]),
                                 reader<T>(args.in[2]), writer<T>(args.out[0])});
    });
  });
}

}  // namespace thaw::cuda
