// The header of a .npy file: numpy's description of one array.
#pragma once

#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/types.h"

namespace thaw {

enum class NpyKind { number, bytes, unicode };

struct NpyHeader {
  NpyKind kind = NpyKind::number;
  DType dtype = DType::invalid;  // string for bytes and unicode
  std::size_t width = 0;         // bytes of one element in the file
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t data_offset = 0;
};

/// Throws as read_npy does.
NpyHeader read_npy_header(const Bytes& file, const Limits& limits);

}  // namespace thaw
