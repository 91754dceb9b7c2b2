// Ragged tensors: conversion, gathering, counting.
#include "kernels/host/ragged.h"

#include <cstring>

#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> ragged() {
  static constexpr HostKernel kKernels[] = {
      {"dense_count", dense_count},
      {"ragged_count", ragged_count},
      {"ragged_gather", ragged_gather},
      {"ragged_range", ragged_range},
      {"ragged_to_sparse", ragged_to_sparse},
      {"ragged_to_tensor", ragged_to_tensor},
      {"ragged_to_variant", ragged_to_variant},
      {"ragged_from_variant", ragged_from_variant},
      {"sparse_count", sparse_count},
  };
  return kKernels;
}

void copy_elements(const Tensor& from, std::int64_t at, Tensor& to, std::int64_t where,
                   std::int64_t count) {
  if (from.dtype() == DType::string) {
    const std::string* source = from.data<std::string>() + at;
    std::copy(source, source + count, to.mutable_data<std::string>() + where);
    return;
  }
  const std::size_t width = size_of(from.dtype());
  if (count == 0) return;
  std::memcpy(static_cast<std::byte*>(to.mutable_data()) + static_cast<std::size_t>(where) * width,
              static_cast<const std::byte*>(from.data()) + static_cast<std::size_t>(at) * width,
              static_cast<std::size_t>(count) * width);
}

}  // namespace thaw::host
