// Random numbers, bit for bit as TensorFlow's CPU kernels draw them from Philox.
#include <cstring>
#include <random>
#include <tuple>

#include "kernels/host/families.h"
#include "kernels/host/random_draws.h"

namespace thaw::host {
namespace {

using Results = std::vector<Tensor>;

// ---- one number from words ----

template <class T>
T uniform_from(std::uint32_t word) {
  if constexpr (std::is_same_v<T, float16>) {
    const auto bits = static_cast<std::uint16_t>(15u << 10 | (word & 0x3ffu));
    return {float_to_half(half_to_float(bits) - 1.0f)};
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    const auto bits = static_cast<std::uint16_t>(127u << 7 | (word & 0x7fu));
    return {float_to_bfloat(bfloat_to_float(bits) - 1.0f)};
  } else {
    return uniform_float(word);
  }
}

/// Box and Muller: two normal numbers from two uniform ones.
std::pair<float, float> normal_floats(std::uint32_t x0, std::uint32_t x1) {
  const float u = std::max(uniform_float(x0), 1.0e-7f);
  const auto angle = static_cast<float>(2.0f * std::numbers::pi * uniform_float(x1));
  const float radius = std::sqrt(-2.0f * std::log(u));
  return {std::sin(angle) * radius, std::cos(angle) * radius};
}

// ---- tensors: block after block; a double or a 64-bit integer takes two words ----

template <class T>
constexpr int kPerBlock = sizeof(T) == 8 ? 2 : 4;

/// make(block, i): number i of a block.
template <class T, class Make>
void fill_blocks(Philox generator, Tensor& y, Make&& make) {
  T* out = mutable_elements<T>(y);
  for (std::int64_t i = 0; i < y.num_elements();) {
    const Philox::Block block = generator.next();
    for (int k = 0; k < kPerBlock<T> && i < y.num_elements(); ++k, ++i) out[i] = make(block, k);
  }
}

template <class T>
void fill_uniform(const Philox& generator, Tensor& y) {
  fill_blocks<T>(generator, y, [](const Philox::Block& block, int k) -> T {
    const auto at = static_cast<std::size_t>(k);
    if constexpr (std::is_same_v<T, double>) {
      return uniform_double(block[2 * at], block[2 * at + 1]);
    } else {
      return uniform_from<T>(block[at]);
    }
  });
}

template <class T>
void fill_normal(const Philox& generator, Tensor& y) {
  fill_blocks<T>(generator, y, [](const Philox::Block& block, int k) -> T {
    const auto at = static_cast<std::size_t>(k & ~1);
    if constexpr (std::is_same_v<T, double>) {
      const auto [sine, cosine] = normal_doubles(block);
      return k == 0 ? sine : cosine;
    } else {
      const auto [sine, cosine] = normal_floats(block[at], block[at + 1]);
      return store<T>(static_cast<double>(k & 1 ? cosine : sine));
    }
  });
}

/// Normal numbers below 2 in size. Every group of results has 256 words per number to draw from,
/// so that groups can be made independently.
template <class T>
void fill_truncated(const Philox& generator, Tensor& y) {
  constexpr int kGroup = kPerBlock<T>;
  constexpr std::uint64_t kBlocksPerGroup = kGroup * 256 / 4;
  T* out = mutable_elements<T>(y);
  for (std::int64_t i = 0; i < y.num_elements(); i += kGroup) {
    Philox own = generator;
    own.skip(static_cast<std::uint64_t>(i / kGroup) * kBlocksPerGroup);
    PhiloxWords words(own);
    for (int k = 0; k < kGroup;) {
      double pair[2];
      if constexpr (std::is_same_v<T, double>) {
        Philox::Block block;
        for (std::uint32_t& word : block) word = words.next();
        std::tie(pair[0], pair[1]) = normal_doubles(block);
      } else {
        const std::uint32_t x0 = words.next(), x1 = words.next();
        std::tie(pair[0], pair[1]) = normal_floats(x0, x1);
      }
      for (const double number : pair) {
        if (std::abs(number) >= 2 || k == kGroup) continue;
        if (i + k < y.num_elements()) out[i + k] = store<T>(number);
        ++k;
      }
    }
  }
}

template <class T>
T integer_from(const Philox::Block& block, int k) {
  const auto at = static_cast<std::size_t>(k);
  if constexpr (sizeof(T) == 8) {
    return static_cast<T>(block[2 * at] | std::uint64_t{block[2 * at + 1]} << 32);
  } else {
    return static_cast<T>(block[at]);
  }
}

template <class T>
void fill_integers(const Philox& generator, Tensor& y) {
  fill_blocks<T>(generator, y, integer_from<T>);
}

/// Integers in [low, high).
template <class T>
void fill_range(const Philox& generator, const Tensor& low, const Tensor& high, Tensor& y) {
  using Unsigned = std::make_unsigned_t<T>;
  const T from = *low.data<T>(), to = *high.data<T>();
  if (y.num_elements() == 0) return;
  if (from >= to) {
    fail(ErrorCode::invalid_argument, "Need minval < maxval, got {} >= {}", from, to);
  }
  const Unsigned range = static_cast<Unsigned>(to) - static_cast<Unsigned>(from);
  fill_blocks<T>(generator, y, [&](const Philox::Block& block, int k) {
    const Unsigned bits = integer_from<Unsigned>(block, k);
    return static_cast<T>(static_cast<Unsigned>(from) + bits % range);
  });
}

template <class Visit>
auto visit_index(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::int32: return visit(Tag<std::int32_t>{});
    case DType::int64: return visit(Tag<std::int64_t>{});
    case DType::uint32: return visit(Tag<std::uint32_t>{});
    case DType::uint64: return visit(Tag<std::uint64_t>{});
    default: wrong_type(dtype);
  }
}

// (shape, key, counter, [low, high]) -> (numbers)
Results random_numbers(const HostArgs& args) {
  const std::string& kind = args.call.attributes.text("distribution");
  const Philox generator = generator_of(args.in[1], args.in[2]);
  Tensor y(args.out[0].dtype, shape_from(integers(args.in[0])));
  if (kind == "uniform") {
    for_floats(y.dtype(),
               [&](auto tag) { fill_uniform<typename decltype(tag)::type>(generator, y); });
  } else if (kind == "normal") {
    for_floats(y.dtype(),
               [&](auto tag) { fill_normal<typename decltype(tag)::type>(generator, y); });
  } else if (kind == "truncated_normal") {
    for_floats(y.dtype(),
               [&](auto tag) { fill_truncated<typename decltype(tag)::type>(generator, y); });
  } else if (kind == "integers") {
    visit_index(y.dtype(),
                [&](auto tag) { fill_integers<typename decltype(tag)::type>(generator, y); });
  } else {
    visit_index(y.dtype(), [&](auto tag) {
      fill_range<typename decltype(tag)::type>(generator, args.in[3], args.in[4], y);
    });
  }
  return {std::move(y)};
}

Results key_and_counter(std::uint64_t key, std::uint64_t low, std::uint64_t high) {
  return {Tensor::from(Shape{1}, std::vector<std::uint64_t>{key}),
          Tensor::from(Shape{2}, std::vector<std::uint64_t>{low, high})};
}

// (seed [2]) -> (key [1], counter [2]): mixes both seeds, so that either may be weak.
Results random_key(const HostArgs& args) {
  const std::vector<std::int64_t> seed = integers(args.in[0]);
  if (seed.size() != 2) {
    fail(ErrorCode::invalid_argument, "seed must have shape [2], not {}",
         args.in[0].shape().to_string());
  }
  const Philox::Block mix = Philox(0x02461e293ec8f720, static_cast<std::uint64_t>(seed[0]),
                                   static_cast<std::uint64_t>(seed[1]))
                                .next();
  return key_and_counter(mix[0] | std::uint64_t{mix[1]} << 32, 0,
                         mix[2] | std::uint64_t{mix[3]} << 32);
}

// () -> (key [1], counter [2]): another one each time.
Results random_seed(const HostArgs&) {
  std::random_device device;
  const auto word = [&] { return std::uint64_t{device()} << 32 | device(); };
  const std::uint64_t key = word();
  return key_and_counter(key, 0, word());
}

// (state int64 [3], algorithm, delta uint64) -> (state): a counter of 128 bits, low half first, and
// the key; every number may take 256 words.
Results random_skip(const HostArgs& args) {
  constexpr std::int64_t kPhilox = 1, kAutoSelect = 3;
  const std::int64_t algorithm = integer(args.in[1], "algorithm");
  if (algorithm != kPhilox && algorithm != kAutoSelect) {
    fail(ErrorCode::unimplemented, "random number algorithm {}", algorithm);
  }
  if (args.in[0].num_elements() < 3 || args.in[2].num_elements() != 1) {
    fail(ErrorCode::invalid_argument,
         "expected a state of 3 numbers and one distance, found {}, {}",
         args.in[0].shape().to_string(), args.in[2].shape().to_string());
  }
  const std::uint64_t distance = 256 * *args.in[2].data<std::uint64_t>();
  Tensor state = args.in[0].clone();
  auto* counter = mutable_elements<std::uint64_t>(state);
  counter[0] += distance;
  if (counter[0] < distance) ++counter[1];
  return {std::move(state)};
}

/// Blocks that TensorFlow sets aside for a result, of which most are never drawn.
std::uint64_t blocks_for(const std::string& kind, const Tensor& result) {
  const auto rows = static_cast<std::uint64_t>(result.shape().rank() == 0 ? 1 : result.shape()[0]);
  const auto count = static_cast<std::uint64_t>(result.num_elements());
  if (kind == "numbers") return 256 * count;
  if (kind == "rows") return count <= 1 || rows <= 1 ? 0 : (rows - 1 + 3) / 4;
  if (count == 0) return 0;
  return 256 * rows * 2 * ((count / rows + 3) / 4 * 4);
}

// (counter [2], result) -> (counter): where a generator stands after drawing the result.
Results random_advance(const HostArgs& args) {
  if (args.in[0].num_elements() != 2) {
    fail(ErrorCode::invalid_argument, "expected a counter of shape [2], found {}",
         args.in[0].shape().to_string());
  }
  const std::uint64_t blocks = blocks_for(args.call.attributes.text("kind"), args.in[1]);
  Tensor counter = args.in[0].clone();
  auto* words = counter.mutable_data<std::uint64_t>();
  words[0] += blocks;
  if (words[0] < blocks) ++words[1];
  return {std::move(counter)};
}

// (x [N, ...], key, counter) -> (x with its rows in random order): Fisher and Yates.
Results shuffle(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const std::int64_t rows = x.shape().rank() == 0 ? 1 : x.shape()[0];
  if (x.num_elements() <= 1 || rows <= 1) return {x};
  PhiloxWords words(generator_of(args.in[1], args.in[2]));
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    std::swap(order[i], order[i + words.next() % static_cast<std::uint32_t>(order.size() - i)]);
  }
  const std::int64_t row = x.num_elements() / rows;
  Tensor y(x.dtype(), x.shape());
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t from = order[static_cast<std::size_t>(i)] * row;
    if (x.dtype() == DType::string) {
      std::copy_n(x.data<std::string>() + from, row, y.mutable_data<std::string>() + i * row);
      continue;
    }
    const auto width = static_cast<std::int64_t>(size_of(x.dtype()));
    std::memcpy(static_cast<char*>(y.mutable_data()) + i * row * width,
                static_cast<const char*>(x.data()) + from * width,
                static_cast<std::size_t>(row * width));
  }
  return {std::move(y)};
}

/// Probabilities added up, without a common factor; classes that are not finite have none.
std::vector<double> cumulative(const std::vector<double>& logits) {
  double most = std::numeric_limits<double>::lowest();
  for (const double logit : logits) {
    if (std::isfinite(logit)) most = std::max(most, logit);
  }
  std::vector<double> sums;
  double total = 0;
  for (const double logit : logits) {
    if (std::isfinite(logit)) total += std::exp(logit - most);
    sums.push_back(total);
  }
  return sums;
}

// (logits [N, classes], count, key, counter) -> (classes [N, count])
Results multinomial(const HostArgs& args) {
  const Tensor& logits = args.in[0];
  const std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  const std::int64_t count = integer(args.in[1], "num_samples");
  if (classes == 0) fail(ErrorCode::invalid_argument, "num_classes should be positive, got 0");
  PhiloxWords words(generator_of(args.in[2], args.in[3]));
  Tensor y(args.out[0].dtype, shape_from({rows, count}));
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> line;
    for_floats(logits.dtype(), [&](auto tag) {
      const auto* in = elements<typename decltype(tag)::type>(logits) + row * classes;
      for (std::int64_t k = 0; k < classes; ++k) line.push_back(to_number(in[k]));
    });
    const std::vector<double> sums = cumulative(line);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t high = words.next(), low = words.next();
      const double at = uniform_double(high, low) * sums.back();
      const auto found = std::upper_bound(sums.begin(), sums.end(), at) - sums.begin();
      if (y.dtype() == DType::int32) {
        mutable_elements<std::int32_t>(y)[row * count + i] = static_cast<std::int32_t>(found);
      } else {
        mutable_elements<std::int64_t>(y)[row * count + i] = found;
      }
    }
  }
  return {std::move(y)};
}

constexpr HostKernel kRandom[] = {
    {"random_numbers", random_numbers}, {"random_key", random_key},
    {"random_seed", random_seed},       {"random_skip", random_skip},
    {"random_advance", random_advance}, {"random_shuffle", shuffle},
    {"multinomial", multinomial},       {"random_gamma", random_gamma},
    {"random_poisson", random_poisson}, {"random_binomial", random_binomial},
};

}  // namespace

Philox generator_of(const Tensor& key, const Tensor& counter) {
  if (key.num_elements() != 1 || counter.num_elements() < 2) {
    fail(ErrorCode::invalid_argument,
         "expected a key of shape [1] and a counter of at least [2], found {} and {}",
         key.shape().to_string(), counter.shape().to_string());
  }
  return {*key.data<std::uint64_t>(), counter.data<std::uint64_t>()[0],
          counter.data<std::uint64_t>()[1]};
}

std::span<const HostKernel> random() { return kRandom; }

}  // namespace thaw::host
