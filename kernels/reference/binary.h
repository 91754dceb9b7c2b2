// The loop of binary ops and the scalar functions of the element types.
#pragma once

#include "kernels/reference/dispatch.h"
#include "kernels/reference/loop.h"

namespace thaw::reference {

template <class T>
using Arithmetic = Compute<T> (*)(Compute<T>, Compute<T>);
template <class T>
using Predicate = bool (*)(const Compute<T>&, const Compute<T>&);

/// out[i] = function(x[i], y[i]) with broadcasting.
template <class T, class Out, class Function>
KernelPtr broadcast_kernel(const Site& site, Function function) {
  if (function == nullptr) return nullptr;
  const Shape& shape = site.out[0].shape;
  const NestedLoop<3> loop(shape.dims(),
                           {broadcast_strides(site.in[0].shape, shape),
                            broadcast_strides(site.in[1].shape, shape), row_major_strides(shape)});
  return make_kernel([loop, function](const Args& args) {
    const T* x = args.in[0].as<T>();
    const T* y = args.in[1].as<T>();
    Out* z = args.out[0].as_mutable<Out>();
    loop.each([=](const NestedLoop<3>::Offsets& at) {
      z[at[2]] = store<Out>(function(load(x[at[0]]), load(y[at[1]])));
    });
  });
}

/// A kind that keeps a float's type; null for other kinds. For the four floating types.
template <class T>
Arithmetic<T> float_function(BinaryKind kind);

/// equal, less and their like for any type with these operators; null for other kinds.
template <class T>
Predicate<T> comparison(BinaryKind kind) {
  using C = Compute<T>;
  switch (kind) {
    case BinaryKind::equal: return [](const C& x, const C& y) { return x == y; };
    case BinaryKind::not_equal: return [](const C& x, const C& y) { return x != y; };
    default: break;
  }
  if constexpr (!kIsComplex<T>) {
    switch (kind) {
      case BinaryKind::less: return [](const C& x, const C& y) { return x < y; };
      case BinaryKind::less_equal: return [](const C& x, const C& y) { return x <= y; };
      case BinaryKind::greater: return [](const C& x, const C& y) { return x > y; };
      case BinaryKind::greater_equal: return [](const C& x, const C& y) { return x >= y; };
      default: break;
    }
  }
  return nullptr;
}

/// The integer part of prepare_binary (binary_integer.cc).
KernelPtr prepare_integer_binary(const Site& site);

}  // namespace thaw::reference
