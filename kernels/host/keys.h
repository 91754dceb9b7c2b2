// Elements and rows as keys of hash maps and ordered sets.
#pragma once

#include <string>

#include "kernels/host/by_type.h"

namespace thaw::host {

/// Makes keys of [outer, count, inner] tensors: the key of slice i holds elements [:, i, :].
/// Two slices compare equal as TensorFlow compares them: -0 equals 0.
class SliceKeys {
 public:
  SliceKeys(const Tensor& tensor, std::int64_t outer, std::int64_t count, std::int64_t inner)
      : tensor_(tensor), outer_(outer), count_(count), inner_(inner) {}

  /// False if the slice holds a NaN, which equals nothing, not even itself.
  bool key(std::int64_t slice, std::string& key) const {
    key.clear();
    bool ordinary = true;
    for (std::int64_t o = 0; o < outer_; ++o) {
      for (std::int64_t i = 0; i < inner_; ++i) {
        ordinary = append((o * count_ + slice) * inner_ + i, key) && ordinary;
      }
    }
    return ordinary;
  }

 private:
  bool append(std::int64_t at, std::string& key) const {
    if (tensor_.dtype() == DType::string) {
      const std::string& text = elements<std::string>(tensor_)[at];
      const std::uint64_t size = text.size();
      key.append(reinterpret_cast<const char*>(&size), sizeof size);
      key.append(text);
      return true;
    }
    const std::size_t size = size_of(tensor_.dtype());
    if (!is_floating(tensor_.dtype()) && !is_complex(tensor_.dtype())) {
      key.append(static_cast<const char*>(tensor_.data()) + static_cast<std::size_t>(at) * size,
                 size);
      return true;
    }
    return for_numbers(tensor_.dtype(), [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      Compute<T> value = load(elements<T>(tensor_)[at]);
      // Adding zero turns -0 into 0, in both parts of a complex number.
      value += Compute<T>(0);
      key.append(reinterpret_cast<const char*>(&value), sizeof value);
      return value == value;
    });
  }

  const Tensor& tensor_;
  std::int64_t outer_, count_, inner_;
};

/// Copies slice `from_slice` of a [outer, from_count, inner] tensor to slice `to_slice` of
/// [outer, to_count, inner].
template <class T>
void copy_slice(const T* from, std::int64_t from_count, std::int64_t from_slice, T* to,
                std::int64_t to_count, std::int64_t to_slice, std::int64_t outer,
                std::int64_t inner) {
  for (std::int64_t o = 0; o < outer; ++o) {
    const T* source = from + (o * from_count + from_slice) * inner;
    T* target = to + (o * to_count + to_slice) * inner;
    for (std::int64_t i = 0; i < inner; ++i) target[i] = source[i];
  }
}

}  // namespace thaw::host
