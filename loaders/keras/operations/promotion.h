// The type promotion of Keras 3 (keras.backend.result_type): JAX's lattice, with Python numbers
// that adapt to the tensors they meet.
#pragma once

#include <initializer_list>
#include <span>

#include "thaw/types.h"

namespace thaw::keras {

/// The type of an argument. A Python int is {int32, weak}, a Python float {float32, weak}.
struct ArgumentType {
  DType dtype = DType::float32;
  bool weak = false;
};
constexpr ArgumentType kPythonInt{DType::int32, true};
constexpr ArgumentType kPythonFloat{DType::float32, true};

/// Throws Error(unimplemented) for types without a place in the lattice (strings).
DType result_type(std::span<const ArgumentType> types);
inline DType result_type(std::initializer_list<ArgumentType> types) {
  return result_type(std::span(types.begin(), types.size()));
}
inline DType result_type(DType a, DType b) {
  return result_type({ArgumentType{a}, ArgumentType{b}});
}

/// What functions of real numbers compute in: floating and complex types stay, others become
/// float32.
DType floating_type(DType dtype);
/// The same of two types, and at least as wide as both.
DType floating_type(DType a, DType b);

}  // namespace thaw::keras
