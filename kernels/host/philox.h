// Philox 4x32-10 (Salmon et al., SC 2011), and numbers made from it in TensorFlow's order.
#pragma once

#include <array>
#include <cstdint>

namespace thaw::host {

/// A counter-based generator: block number c is a function of the counter and the key alone.
class Philox {
 public:
  using Block = std::array<std::uint32_t, 4>;

  /// key: 64 bits; counter: 128 bits, low half first.
  Philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high)
      : key_(key), low_(counter_low), high_(counter_high) {}

  void skip(std::uint64_t blocks) {
    low_ += blocks;
    if (low_ < blocks) ++high_;
  }

  /// The next four words.
  Block next() {
    Block x{static_cast<std::uint32_t>(low_), static_cast<std::uint32_t>(low_ >> 32),
            static_cast<std::uint32_t>(high_), static_cast<std::uint32_t>(high_ >> 32)};
    auto k0 = static_cast<std::uint32_t>(key_), k1 = static_cast<std::uint32_t>(key_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * x[0];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57} * x[2];
      x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(a)};
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    skip(1);
    return x;
  }

 private:
  std::uint64_t key_, low_, high_;
};

/// One word after the other.
class PhiloxWords {
 public:
  explicit PhiloxWords(Philox generator) : generator_(generator) {}

  std::uint32_t next() {
    if (used_ == 4) {
      block_ = generator_.next();
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  Philox generator_;
  Philox::Block block_{};
  std::size_t used_ = 4;
};

}  // namespace thaw::host
