// Reductions, cumulative sums and searches along axes. Long reductions take a block per result and
// end in a tree, short ones a thread per result.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

constexpr std::int64_t kShort = 32;  // a thread per result up to here

// A reducer: the state's type, where it starts, how two states combine, what they give in the end.
// An element is a state of its own.
template <class T>
struct SumReducer {
  using State = Sum<T>;
  static State start(DType) { return State{0}; }
  THAW_HOST_DEVICE static State combine(State a, State b) { return a + b; }
  THAW_HOST_DEVICE static State finish(State sum, std::int64_t) { return sum; }
};

/// Integers: the quotient toward zero; of nothing, zero. Floats of nothing: NaN.
template <class T>
struct MeanReducer : SumReducer<T> {
  THAW_HOST_DEVICE static auto finish(Sum<T> sum, std::int64_t count) {
    // An unsigned type's own sum, and signed integers' in two's complement.
    using Dividend = std::conditional_t<kIsFloat<T>, Sum<T>, Compute<T>>;
    if (!kIsFloat<T> && count == 0) return Dividend{0};
    return static_cast<Dividend>(static_cast<Dividend>(sum) / static_cast<Dividend>(count));
  }
};

template <class T>
struct ProductReducer {
  using State = Sum<T>;
  static State start(DType) { return State{1}; }
  THAW_HOST_DEVICE static State combine(State a, State b) { return a * b; }
  THAW_HOST_DEVICE static State finish(State product, std::int64_t) { return product; }
};

// A NaN wins.
template <class T>
struct MaxReducer {
  using State = Compute<T>;
  static State start(DType dtype) { return lowest_of<State>(dtype); }
  THAW_HOST_DEVICE static State combine(State a, State b) { return b > a || b != b ? b : a; }
  THAW_HOST_DEVICE static State finish(State best, std::int64_t) { return best; }
};

template <class T>
struct MinReducer {
  using State = Compute<T>;
  static State start(DType dtype) { return highest_of<State>(dtype); }
  THAW_HOST_DEVICE static State combine(State a, State b) { return b < a || b != b ? b : a; }
  THAW_HOST_DEVICE static State finish(State best, std::int64_t) { return best; }
};

struct AllReducer {
  using State = bool;
  static State start(DType) { return true; }
  THAW_HOST_DEVICE static State combine(State a, State b) { return a && b; }
  THAW_HOST_DEVICE static State finish(State all, std::int64_t) { return all; }
};

struct AnyReducer {
  using State = bool;
  static State start(DType) { return false; }
  THAW_HOST_DEVICE static State combine(State a, State b) { return a || b; }
  THAW_HOST_DEVICE static State finish(State any, std::int64_t) { return any; }
};

/// The kept axes outside, the reduced ones inside.
struct ReduceShape {
  StridedLoop<1> kept, reduced;
};

template <class T, class Reducer>
struct ReduceBody {
  using State = typename Reducer::State;
  ReduceShape s;
  State nothing;  // what is reduced starts from
  Reader<T> x;
  Writer<T> y;

  THAW_HOST_DEVICE State element(std::int64_t start, std::int64_t i) const {
    std::int64_t at[1];
    s.reduced.offsets(i, at);
    return static_cast<State>(x[start + at[0]]);
  }
  /// By one thread.
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    std::int64_t start[1];
    s.kept.offsets(i, start);
    State state = nothing;
    for (std::int64_t j = 0; j < s.reduced.count; ++j) {
      state = Reducer::combine(state, element(start[0], j));
    }
    y.put(i, Reducer::finish(state, s.reduced.count));
  }
  /// By a block.
  THAW_DEVICE void operator()(const Block& block, std::int64_t i) const {
    std::int64_t start[1];
    s.kept.offsets(i, start);
    const State state = block.reduce(
        s.reduced.count, nothing, [&](std::int64_t j) { return element(start[0], j); },
        [](State a, State b) { return Reducer::combine(a, b); });
    block.each(1, [&](std::int64_t) { y.put(i, Reducer::finish(state, s.reduced.count)); });
  }
};

template <class T, class Reducer>
KernelPtr reduction(const ReduceShape& shape) {
  return make_kernel({"cuda reduce"}, [shape](const Args& args, const Queue& queue) {
    const ReduceBody<T, Reducer> body{shape, Reducer::start(args.in[0].type->dtype),
                                      reader<T>(args.in[0]), writer<T>(args.out[0])};
    if (shape.reduced.count <= kShort) {
      launch_each(queue, shape.kept.count, body);
    } else {
      launch_blocks(queue, shape.kept.count, 0, body);
    }
  });
}

bool split_axes(const Shape& x, const std::vector<bool>& reduced, ReduceShape& shape) {
  const Ints strides = row_major_strides(x);
  Ints kept_dims, kept_strides, dims, reduced_strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    (reduced[a] ? dims : kept_dims).push_back(x[axis]);
    (reduced[a] ? reduced_strides : kept_strides).push_back(strides[a]);
  }
  return shape.kept.set(kept_dims, {&kept_strides}) && shape.reduced.set(dims, {&reduced_strides});
}

// ---- along one axis ----

/// A tensor seen as [outer, size, inner].
struct Lines {
  std::int64_t outer = 1, size = 1, inner = 1;
  Lines(const Shape& shape, std::int64_t axis) {
    const int a = axis_of(axis, shape.rank());
    outer = product(shape, 0, a);
    size = shape[a];
    inner = product(shape, a + 1, shape.rank());
  }
  THAW_HOST_DEVICE std::int64_t first(std::int64_t line) const {
    return line / inner * size * inner + line % inner;
  }
};

template <class C>
struct Found {
  C value;
  std::int64_t index;
};

/// TensorFlow's weakest candidate: NaNs are passed over, and a line without any gives 0.
template <class T>
THAW_HOST_DEVICE Compute<T> weakest(bool minimum) {
  using Limits = std::numeric_limits<Compute<T>>;
  return minimum ? Limits::max() : Limits::lowest();
}

template <class T>
struct SearchBody {
  Lines lines;
  bool minimum;
  DType index_type;
  Reader<T> x;
  void* y;
  THAW_DEVICE void operator()(const Block& block, std::int64_t line) const {
    using C = Compute<T>;
    const std::int64_t first = lines.first(line);
    const bool least = minimum;
    const Found<C> best = block.reduce(
        lines.size, Found<C>{weakest<T>(minimum), -1},
        [&](std::int64_t i) {
          const C value = x[first + i * lines.inner];
          const C floor = weakest<T>(least);
          const bool counts = least ? value < floor : value > floor;
          return counts ? Found<C>{value, i} : Found<C>{floor, -1};
        },
        [least](const Found<C>& a, const Found<C>& b) {
          if (a.index < 0) return b;
          if (b.index < 0) return a;
          if (a.value == b.value) return a.index < b.index ? a : b;
          return (least ? b.value < a.value : b.value > a.value) ? b : a;
        });
    block.each(1, [&](std::int64_t) {
      set_integer(y, index_type, line, best.index < 0 ? 0 : best.index);
    });
  }
};

template <class T>
struct ScanBody {
  Lines lines;
  bool sum, exclusive, reverse;
  Reader<T> x;
  Writer<T> y;
  THAW_HOST_DEVICE void operator()(std::int64_t line) const {
    using State = Sum<T>;
    const std::int64_t first = lines.first(line);
    State total = sum ? State{0} : State{1};
    for (std::int64_t i = 0; i < lines.size; ++i) {
      const std::int64_t at = first + (reverse ? lines.size - 1 - i : i) * lines.inner;
      const State before = total, value = static_cast<State>(x[at]);
      total = sum ? total + value : total * value;
      y.put(at, exclusive ? before : total);
    }
  }
};

/// Larger first, among equals the lower index, NaNs last.
template <class C>
THAW_HOST_DEVICE bool goes_before(const Found<C>& a, const Found<C>& b) {
  if (a.value > b.value || b.value > a.value) return a.value > b.value;
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  return a_nan != b_nan ? b_nan : a.index < b.index;
}

/// One after the other: the first of those that come after the one before.
template <class T>
struct TopKBody {
  std::int64_t size, k;
  DType index_type;
  Reader<T> x;
  Writer<T> values;
  void* indices;
  THAW_DEVICE void operator()(const Block& block, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = row * size;
    Found<C> last{C{0}, -1};
    for (std::int64_t j = 0; j < k; ++j) {
      const Found<C> before = last;
      last = block.reduce(
          size, Found<C>{C{0}, -1},
          [&](std::int64_t i) {
            const Found<C> here{x[first + i], i};
            const bool comes = before.index < 0 || goes_before(before, here);
            return comes ? here : Found<C>{C{0}, -1};
          },
          [](const Found<C>& a, const Found<C>& b) {
            if (a.index < 0) return b;
            if (b.index < 0) return a;
            return goes_before(b, a) ? b : a;
          });
      const Found<C> found = last;
      block.each(1, [&](std::int64_t) {
        values.put(row * k + j, found.value);
        set_integer(indices, index_type, row * k + j, found.index);
      });
    }
  }
};

}  // namespace

KernelPtr prepare_reduce(const Site& site) {
  const DType dtype = site.in[0].dtype;
  const ReduceKind kind = site.op_as<ops::Reduce>().kind;
  ReduceShape shape;
  if (!split_axes(site.in[0].shape, axis_flags(site.ints(1), site.in[0].shape.rank()), shape)) {
    return nullptr;
  }
  if (kind == ReduceKind::all || kind == ReduceKind::any) {
    if (dtype != DType::boolean) return nullptr;
    return kind == ReduceKind::all ? reduction<bool, AllReducer>(shape)
                                   : reduction<bool, AnyReducer>(shape);
  }
  return for_reals(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    switch (kind) {
      case ReduceKind::sum: return reduction<T, SumReducer<T>>(shape);
      case ReduceKind::mean: return reduction<T, MeanReducer<T>>(shape);
      case ReduceKind::prod: return reduction<T, ProductReducer<T>>(shape);
      case ReduceKind::max: return reduction<T, MaxReducer<T>>(shape);
      default: return reduction<T, MinReducer<T>>(shape);
    }
  });
}

KernelPtr prepare_arg_reduce(const Site& site) {
  const auto& op = site.op_as<ops::ArgReduce>();
  const Lines lines(site.in[0].shape, op.axis);
  const DType index_type = site.out[0].dtype;
  if (lines.size == 0) return nullptr;  // the host says what is wrong
  const bool minimum = op.minimum;
  const auto make = [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda arg reduce"}, [=](const Args& args, const Queue& queue) {
      launch_blocks(
          queue, lines.outer * lines.inner, 0,
          SearchBody<T>{lines, minimum, index_type, reader<T>(args.in[0]), args.out[0].data});
    });
  };
  if (site.in[0].dtype == DType::boolean) return make(Tag<AnyInteger>{});
  return for_reals(site.in[0].dtype, make);
}

KernelPtr prepare_scan(const Site& site) {
  const auto op = site.op_as<ops::Scan>();
  const Lines lines(site.in[0].shape, op.axis);
  return for_reals(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda scan"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, lines.outer * lines.inner,
                  ScanBody<T>{lines, op.kind == ScanKind::sum, op.exclusive, op.reverse,
                              reader<T>(args.in[0]), writer<T>(args.out[0])});
    });
  });
}

KernelPtr prepare_top_k(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const std::int64_t size = x[x.rank() - 1], k = y[y.rank() - 1];
  const std::int64_t rows = product(x, 0, x.rank() - 1);
  const DType index_type = site.out[1].dtype;
  return for_reals(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda top-k"}, [=](const Args& args, const Queue& queue) {
      launch_blocks(queue, rows, 0,
                    TopKBody<T>{size, k, index_type, reader<T>(args.in[0]), writer<T>(args.out[0]),
                                args.out[1].data});
    });
  });
}

}  // namespace thaw::cuda
