// HDF5 datatypes and dataspaces, as far as Keras files use them.
#pragma once

#include "loaders/source/h5_heap.h"
#include "thaw/tensor.h"

namespace thaw::h5 {

enum class TypeKind {
  number,  // integers, IEEE floats, bfloat16; h5py's bool (an enumeration)
  fixed_string,
  variable_string,  // a reference into the global heap
  opaque,
  unsupported,
};

struct Type {
  TypeKind kind = TypeKind::unsupported;
  DType dtype = DType::invalid;  // of a number
  bool big_endian = false;
  std::size_t size = 0;       // of one element in the file
  bool space_padded = false;  // fixed strings
  std::string description;    // for messages: "compound", "8-byte unsigned integer", ...
};

struct Space {
  bool is_null = false;
  std::vector<std::uint64_t> dims;
  std::vector<std::uint64_t> max_dims;  // kUndefined: unlimited
  std::uint64_t count = 1;              // elements
};

/// Types that Thaw does not know become TypeKind::unsupported; they are refused when used.
Type parse_type(const Image& image, std::span<const std::byte> body);
/// Checks the rank and that the element count does not overflow.
Space parse_space(const Image& image, std::span<const std::byte> body);

/// Strings of `space.count` elements; the strings together may not outgrow the file.
std::vector<std::string> decode_strings(const Image& image, GlobalHeap& heap, const Type& type,
                                        std::uint64_t count, std::span<const std::byte> data);

}  // namespace thaw::h5
