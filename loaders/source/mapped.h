// Parts of mapped files: as tensors, checked, and out of memory again.
#pragma once

#include "loaders/source/file_tree.h"
#include "thaw/tensor.h"

namespace thaw {

/// Elements of `part`, in host byte order, as many as `shape` holds. Large ones of a mapped file
/// stay there; others are borrowed, or copied where they are not aligned.
Tensor tensor_of(const Bytes& part, DType dtype, Shape shape);

/// The pages of `part` leave the process until they are read again; does nothing unless it is
/// mapped.
void let_go(const Bytes& part);

/// CRC-32 of zip and gzip. Goes through a large mapped file without keeping all of it in memory.
std::uint32_t crc32_of(const Bytes& part);

}  // namespace thaw
