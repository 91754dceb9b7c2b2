// Reductions over any set of axes: the kept axes outside, the reduced ones inside.
#include <algorithm>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

struct ReducePlan {
  NestedLoop<2> kept;     // offsets in x and y
  NestedLoop<1> reduced;  // offsets in x
  std::int64_t count = 1;
};

ReducePlan make_plan(const Shape& x, const Ints& axes) {
  const std::vector<bool> flags = axis_flags(axes, x.rank());
  const Ints strides = row_major_strides(x);
  ReducePlan plan;
  Ints kept_dims, kept_strides, dims, reduced_strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    (flags[a] ? dims : kept_dims).push_back(x[axis]);
    (flags[a] ? reduced_strides : kept_strides).push_back(strides[a]);
    if (flags[a]) plan.count *= x[axis];
  }
  plan.kept = NestedLoop<2>(kept_dims, {kept_strides, row_major_strides(Shape(kept_dims))});
  plan.reduced = NestedLoop<1>(dims, {reduced_strides});
  return plan;
}

template <class T>
struct Sum {
  static Accumulator<T> start() { return {}; }
  static void step(Accumulator<T>& sum, const T& x) { sum += load_wide(x); }
  static T finish(Accumulator<T> sum, std::int64_t) { return store<T>(sum); }
};

template <class T>
struct Mean : Sum<T> {
  /// Integers: the quotient toward zero; of nothing, zero. Floats of nothing: NaN.
  static T finish(Accumulator<T> sum, std::int64_t count) {
    if constexpr (!kIsInteger<T>) {
      return store<T>(sum / static_cast<double>(count));
    } else if (count == 0) {
      return 0;
    } else if constexpr (std::is_signed_v<T>) {
      return static_cast<T>(static_cast<std::int64_t>(sum) / count);
    } else {
      return static_cast<T>(sum / static_cast<std::uint64_t>(count));
    }
  }
};

template <class T>
struct Product {
  static Accumulator<T> start() { return Accumulator<T>{1}; }
  static void step(Accumulator<T>& product, const T& x) { product *= load_wide(x); }
  static T finish(Accumulator<T> product, std::int64_t) { return store<T>(product); }
};

// A NaN wins and stays: no comparison with it is true.
template <class T>
struct Max {
  static Compute<T> start() { return lowest<T>(); }
  static void step(Compute<T>& best, const T& x) {
    const Compute<T> value = load(x);
    if (value > best || value != value) best = value;
  }
  static T finish(Compute<T> best, std::int64_t) { return store<T>(best); }
};

template <class T>
struct Min {
  static Compute<T> start() { return highest<T>(); }
  static void step(Compute<T>& best, const T& x) {
    const Compute<T> value = load(x);
    if (value < best || value != value) best = value;
  }
  static T finish(Compute<T> best, std::int64_t) { return store<T>(best); }
};

struct All {
  static bool start() { return true; }
  static void step(bool& all, bool x) { all = all && x; }
  static bool finish(bool all, std::int64_t) { return all; }
};

struct Any {
  static bool start() { return false; }
  static void step(bool& any, bool x) { any = any || x; }
  static bool finish(bool any, std::int64_t) { return any; }
};

template <class T, class Reducer>
KernelPtr reduction(const ReducePlan& plan) {
  return make_kernel([plan](const Args& args) {
    const T* x = args.in[0].as<T>();
    T* y = args.out[0].as_mutable<T>();
    plan.kept.each([&](const NestedLoop<2>::Offsets& at) {
      auto state = Reducer::start();
      plan.reduced.each(
          [&](const NestedLoop<1>::Offsets& inner) { Reducer::step(state, x[inner[0]]); }, {at[0]});
      y[at[1]] = Reducer::finish(state, plan.count);
    });
  });
}

}  // namespace

KernelPtr prepare_reduce(const Site& site) {
  const DType dtype = site.in[0].dtype;
  const ReduceKind kind = site.op_as<ops::Reduce>().kind;
  const ReducePlan plan = make_plan(site.in[0].shape, host_ints(site, 1));
  const auto numbers = [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    switch (kind) {
      case ReduceKind::sum: return reduction<T, Sum<T>>(plan);
      case ReduceKind::mean: return reduction<T, Mean<T>>(plan);
      case ReduceKind::prod: return reduction<T, Product<T>>(plan);
      default: return nullptr;
    }
  };
  const auto reals = [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    return kind == ReduceKind::max ? reduction<T, Max<T>>(plan) : reduction<T, Min<T>>(plan);
  };
  switch (kind) {
    case ReduceKind::all: return dtype == DType::boolean ? reduction<bool, All>(plan) : nullptr;
    case ReduceKind::any: return dtype == DType::boolean ? reduction<bool, Any>(plan) : nullptr;
    case ReduceKind::max:
    case ReduceKind::min: return for_reals(dtype, reals);
    default: return for_numbers(dtype, numbers);
  }
}

}  // namespace thaw::reference
