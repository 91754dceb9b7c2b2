#include "loaders/keras/operations/promotion.h"

#include <array>
#include <bit>
#include <cstdint>

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// The nodes of the lattice; `weak_int` and `weak_float` are Python's numbers.
enum Node : unsigned {
  b1,
  u1,
  u2,
  u4,
  u8,
  weak_int,
  i1,
  i2,
  i4,
  i8,
  weak_float,
  bf,
  f2,
  f4,
  f8,
  c64,
  c128,
  kNodes
};

constexpr std::uint32_t bit(unsigned node) { return std::uint32_t{1} << node; }

// All nodes that are at least as high, per node.
constexpr std::array<std::uint32_t, kNodes> upper_bounds() {
  std::array<std::uint32_t, kNodes> bounds{};
  bounds[b1] = bit(weak_int);
  bounds[u1] = bit(i2) | bit(u2);
  bounds[u2] = bit(i4) | bit(u4);
  bounds[u4] = bit(i8) | bit(u8);
  bounds[u8] = bit(weak_float);
  bounds[weak_int] = bit(u1) | bit(i1) | bit(c64);
  bounds[i1] = bit(i2);
  bounds[i2] = bit(i4);
  bounds[i4] = bit(i8);
  bounds[i8] = bit(weak_float);
  bounds[weak_float] = bit(bf) | bit(f2);
  bounds[bf] = bounds[f2] = bit(f4);
  bounds[f4] = bit(f8) | bit(c64);
  bounds[f8] = bounds[c64] = bit(c128);
  for (unsigned node = 0; node < kNodes; ++node) bounds[node] |= bit(node);
  for (unsigned round = 0; round < kNodes; ++round) {
    for (unsigned node = 0; node < kNodes; ++node) {
      for (unsigned other = 0; other < kNodes; ++other) {
        if (bounds[node] & bit(other)) bounds[node] |= bounds[other];
      }
    }
  }
  return bounds;
}
constexpr std::array<std::uint32_t, kNodes> kUpperBounds = upper_bounds();

Node node_of(const ArgumentType& type) {
  if (type.weak && type.dtype != DType::boolean)
    return is_floating(type.dtype) ? weak_float : weak_int;
  switch (type.dtype) {
    case DType::boolean: return b1;
    case DType::uint8: return u1;
    case DType::uint16: return u2;
    case DType::uint32: return u4;
    case DType::uint64: return u8;
    case DType::int8: return i1;
    case DType::int16: return i2;
    case DType::int32: return i4;
    case DType::int64: return i8;
    case DType::bfloat16: return bf;
    case DType::float16: return f2;
    case DType::float32: return f4;
    case DType::float64: return f8;
    case DType::complex64: return c64;
    case DType::complex128: return c128;
    default: fail(ErrorCode::unimplemented, "arithmetic of type {}", name_of(type.dtype));
  }
}

// 64 bits are kept where TensorFlow's backend keeps them.
DType dtype_of(unsigned node) {
  constexpr std::array<DType, kNodes> types = {
      DType::boolean,   DType::uint8,    DType::uint16,  DType::uint32,  DType::uint32,
      DType::int32,     DType::int8,     DType::int16,   DType::int32,   DType::int64,
      DType::float32,   DType::bfloat16, DType::float16, DType::float32, DType::float64,
      DType::complex64, DType::complex64};
  return types[node];
}

}  // namespace

DType result_type(std::span<const ArgumentType> types) {
  THAW_CHECK(!types.empty(), "a result type of nothing");
  std::uint32_t common = ~std::uint32_t{0};
  for (const ArgumentType& type : types) common &= kUpperBounds[node_of(type)];
  // All nodes have complex128 above them.
  unsigned node = 0;
  while (node + 1 < kNodes && !((common & bit(node)) && (common & ~kUpperBounds[node]) == 0))
    ++node;
  return dtype_of(node);
}

DType floating_type(DType dtype) {
  return is_floating(dtype) || is_complex(dtype) ? dtype : DType::float32;
}

DType floating_type(DType a, DType b) {
  return result_type({ArgumentType{a}, ArgumentType{b}, kPythonFloat});
}

}  // namespace thaw::keras
