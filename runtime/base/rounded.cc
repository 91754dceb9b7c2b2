#include "runtime/base/rounded.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/base/half.h"
#include "runtime/base/stored.h"

namespace thaw {
namespace {

constexpr std::size_t kLeastDeferred = std::size_t{1} << 14;  // bytes

/// The bits of element `i`, which lies at any alignment.
std::uint32_t float_bits(const std::byte* from, std::size_t i) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, from + i * sizeof bits, sizeof bits);
  return bits;
}

/// The largest finite magnitude.
float largest_finite(const std::byte* from, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = float_bits(from, i) & 0x7fffffffU;
    largest = std::max(largest, magnitude < 0x7f800000U ? magnitude : 0U);
  }
  return std::bit_cast<float>(largest);
}

/// Whether the result is infinite.
bool overflows(float value, DType storage) {
  return storage == DType::float16 ? (float_to_half(value) & 0x7fffU) == 0x7c00U
                                   : (float_to_bfloat(value) & 0x7fffU) == 0x7f80U;
}

class RoundedElements final : public StoredElements {
 public:
  RoundedElements(Tensor floats, DType storage) : floats_(std::move(floats)), storage_(storage) {}

  void read(void* out) const override {
    const ReadOnce elements(floats_, 1);
    round(elements.as<std::byte>(), static_cast<std::size_t>(floats_.num_elements()), out);
  }

  bool read_part(std::size_t first, std::size_t count, void* out) const override {
    const StoredElements* stored = floats_.stored();
    const void* elements = stored == nullptr ? floats_.data() : stored->bytes();
    if (elements == nullptr) return false;
    round(static_cast<const std::byte*>(elements) + 2 * first, count / sizeof(std::uint16_t), out);
    return true;
  }

  void let_go() const override {
    if (floats_.stored() != nullptr) floats_.stored()->let_go();
  }

 private:
  void round(const std::byte* from, std::size_t count, void* out) const {
    auto* to = static_cast<std::uint16_t*>(out);
    const auto value = [&](std::size_t i) { return std::bit_cast<float>(float_bits(from, i)); };
    if (storage_ == DType::float16) {
      for (std::size_t i = 0; i < count; ++i) to[i] = float_to_half(value(i));
    } else {
      for (std::size_t i = 0; i < count; ++i) to[i] = float_to_bfloat(value(i));
    }
  }

  Tensor floats_;
  DType storage_;
};

}  // namespace

Tensor rounded(const Tensor& floats, DType storage) {
  // Whoever reads the result comes soon, and lets the pages of a mapped file go.
  const StoredElements* stored = floats.stored();
  const void* here = stored == nullptr ? floats.data() : stored->bytes();
  const std::unique_ptr<ReadOnce> read =
      here == nullptr ? std::make_unique<ReadOnce>(floats, 1) : nullptr;
  const auto* elements = static_cast<const std::byte*>(read == nullptr ? here : read->data());
  const float largest = largest_finite(elements, static_cast<std::size_t>(floats.num_elements()));
  if (overflows(largest, storage)) return {};
  auto made = std::make_shared<RoundedElements>(floats, storage);
  if (floats.size_bytes() >= kLeastDeferred) {
    return Tensor::stored(storage, floats.shape(), std::move(made));
  }
  Tensor result(storage, floats.shape());
  made->read(result.mutable_data());
  return result;
}

}  // namespace thaw
