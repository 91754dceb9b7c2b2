#include "kernels/host/hash.h"

#include <bit>
#include <cstring>
#include <utility>

namespace thaw::host {
namespace {

static_assert(std::endian::native == std::endian::little);

std::uint64_t word(const char* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::uint64_t half_word(const char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::uint64_t byte(char c) { return static_cast<unsigned char>(c); }

// ---- FarmHash, the "na" variant ----

constexpr std::uint64_t k0 = 0xc3a5c85c97cb3127, k1 = 0xb492b66fbe98f273, k2 = 0x9ae16a3b2f90404f;

std::uint64_t rotate(std::uint64_t value, int by) { return std::rotr(value, by); }
std::uint64_t shift_mix(std::uint64_t value) { return value ^ (value >> 47U); }

std::uint64_t mix16(std::uint64_t u, std::uint64_t v, std::uint64_t factor) {
  const std::uint64_t a = shift_mix((u ^ v) * factor);
  return shift_mix((v ^ a) * factor) * factor;
}

std::uint64_t hash_to_16(const char* s, std::uint64_t n) {
  const std::uint64_t factor = k2 + n * 2;
  if (n >= 8) {
    const std::uint64_t a = word(s) + k2, b = word(s + n - 8);
    return mix16(rotate(b, 37) * factor + a, (rotate(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return mix16(n + (half_word(s) << 3U), half_word(s + n - 4), factor);
  if (n == 0) return k2;
  const std::uint64_t y = byte(s[0]) + (byte(s[n >> 1U]) << 8U), z = n + (byte(s[n - 1]) << 2U);
  return shift_mix(y * k2 ^ z * k0) * k2;
}

std::uint64_t hash_to_32(const char* s, std::uint64_t n) {
  const std::uint64_t factor = k2 + n * 2;
  const std::uint64_t a = word(s) * k1, b = word(s + 8);
  const std::uint64_t c = word(s + n - 8) * factor, d = word(s + n - 16) * k2;
  return mix16(rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + k2, 18) + c, factor);
}

std::uint64_t hash_to_64(const char* s, std::uint64_t n) {
  const std::uint64_t factor = k2 + n * 2;
  const std::uint64_t a = word(s) * k2, b = word(s + 8);
  const std::uint64_t c = word(s + n - 8) * factor, d = word(s + n - 16) * k2;
  const std::uint64_t y = rotate(a + b, 43) + rotate(c, 30) + d;
  const std::uint64_t z = mix16(y, a + rotate(b + k2, 18) + c, factor);
  const std::uint64_t e = word(s + 16) * factor, f = word(s + 24);
  const std::uint64_t g = (y + word(s + n - 32)) * factor, h = (z + word(s + n - 24)) * factor;
  return mix16(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, factor);
}

using Pair = std::pair<std::uint64_t, std::uint64_t>;

Pair weak_hash_32(const char* s, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t w = word(s), x = word(s + 8), y = word(s + 16), z = word(s + 24);
  a += w;
  b = rotate(b + a + z, 21);
  const std::uint64_t c = a;
  a += x + y;
  return {a + z, b + rotate(a, 44) + c};
}

// The state of texts longer than 64 bytes.
struct FarmState {
  std::uint64_t x, y, z;
  Pair v{0, 0}, w{0, 0};

  void round(const char* s, std::uint64_t factor, std::uint64_t last) {
    x = rotate(x + y + v.first + word(s + 8), 37) * factor;
    y = rotate(y + v.second + word(s + 48), 42) * factor;
    x ^= w.second * last;
    y += v.first * last + word(s + 40);
    z = rotate(z + w.first, 33) * factor;
    v = weak_hash_32(s, v.second * factor, x + w.first);
    w = weak_hash_32(s + 32, z + w.second, y + word(s + 16));
    std::swap(z, x);
  }
};

// ---- SipHash ----

struct SipState {
  std::uint64_t v[4];

  void round() {
    v[0] += v[1];
    v[1] = std::rotl(v[1], 13) ^ v[0];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[3];
    v[3] = std::rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = std::rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = std::rotl(v[1], 17) ^ v[2];
    v[2] = std::rotl(v[2], 32);
  }
  void absorb(std::uint64_t message) {
    v[3] ^= message;
    round();
    round();
    v[0] ^= message;
  }
};

// The last bytes that fill no word, lowest first.
std::uint64_t tail(std::string_view bytes) {
  std::uint64_t value = 0;
  const std::size_t begin = bytes.size() & ~std::size_t{7};
  for (std::size_t i = begin; i < bytes.size(); ++i) value |= byte(bytes[i]) << (8 * (i - begin));
  return value;
}

}  // namespace

std::uint64_t farm_fingerprint64(std::string_view bytes) {
  const char* s = bytes.data();
  const std::uint64_t n = bytes.size();
  if (n <= 16) return hash_to_16(s, n);
  if (n <= 32) return hash_to_32(s, n);
  if (n <= 64) return hash_to_64(s, n);
  constexpr std::uint64_t kSeed = 81;
  FarmState state{kSeed * k2 + word(s), kSeed * k1 + 113, 0};
  state.z = shift_mix(state.y * k2 + 113) * k2;
  const char* end = s + (n - 1) / 64 * 64;
  const char* last = s + n - 64;
  for (; s != end; s += 64) state.round(s, k1, 1);
  const std::uint64_t factor = k1 + ((state.z & 0xFFU) << 1U);
  state.w.first += (n - 1) & 63U;
  state.v.first += state.w.first;
  state.w.first += state.v.first;
  state.round(last, factor, 9);
  return mix16(mix16(state.v.first, state.w.first, factor) + shift_mix(state.y) * k0 + state.z,
               mix16(state.v.second, state.w.second, factor) + state.x, factor);
}

std::uint64_t join_fingerprints(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t kFactor = 0xc6a4a7935bd1e995;
  std::uint64_t joined = first ^ kFactor ^ (shift_mix(second * kFactor) * kFactor);
  joined *= kFactor;
  return shift_mix(shift_mix(joined) * kFactor);
}

std::uint64_t sip_hash_2_4(std::string_view bytes, std::uint64_t low, std::uint64_t high) {
  SipState state{{low ^ 0x736f6d6570736575, high ^ 0x646f72616e646f6d, low ^ 0x6c7967656e657261,
                  high ^ 0x7465646279746573}};
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) state.absorb(word(bytes.data() + i));
  state.absorb(static_cast<std::uint64_t>(bytes.size()) << 56U | tail(bytes));
  state.v[2] ^= 0xFFU;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v[0] ^ state.v[1] ^ state.v[2] ^ state.v[3];
}

std::uint64_t murmur_hash64(std::string_view bytes) {
  constexpr std::uint64_t kSeed = 0xDECAFCAFFE, kFactor = 0xc6a4a7935bd1e995;
  std::uint64_t h = kSeed ^ (bytes.size() * kFactor);
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t k = word(bytes.data() + i) * kFactor;
    k = (k ^ (k >> 47U)) * kFactor;
    h = (h ^ k) * kFactor;
  }
  if (bytes.size() % 8 != 0) h = (h ^ tail(bytes)) * kFactor;
  h = (h ^ (h >> 47U)) * kFactor;
  return h ^ (h >> 47U);
}

}  // namespace thaw::host
