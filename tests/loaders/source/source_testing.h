// Helpers of the byte readers' tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/tensor.h"

namespace thaw::testing {

inline std::string data_file(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/loaders/source/files/" + name;
}

/// Bytes with memory of their own, exactly as long as the text, so that a sanitizer sees every
/// overrun.
inline Bytes make_bytes(std::string_view text, const std::string& name = "test") {
  auto memory = std::make_shared<std::vector<std::byte>>(
      reinterpret_cast<const std::byte*>(text.data()),
      reinterpret_cast<const std::byte*>(text.data()) + text.size());
  return {{memory->data(), memory->size()}, memory, name};
}

inline Bytes load(const std::string& name) { return read_file(data_file(name), Limits{}); }

/// The code of the Error that `f` throws; fails when it throws none. `message` receives its text.
inline ErrorCode error_of(const std::function<void()>& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  const T* data = tensor.data<T>();
  return std::vector<T>(data, data + tensor.num_elements());
}

/// A function that reads bytes; it must give a value or throw Error, whatever the bytes are.
using Reader = std::function<void(const Bytes&)>;

/// Gives `reader` every prefix of the file; each must throw (unless allowed to succeed).
void check_truncations(const std::string& contents, const Reader& reader, std::size_t step = 1);
/// Flips single bits and whole bytes. Errors of code internal fail the test.
void check_flips(const std::string& contents, const Reader& reader, std::size_t step = 1);

}  // namespace thaw::testing
