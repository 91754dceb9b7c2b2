// Numbers by acceptance and rejection. Each sample has a stretch of the generator's blocks of its
// own, so that all are independent of the order in which they are drawn, as in TensorFlow.
#include <array>

#include "kernels/host/random_draws.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

constexpr std::uint64_t kBlocksPerSample = 256;

/// Uniform numbers of a sample. A block holds several, which are used from the last on.
class UniformDraws {
 public:
  explicit UniformDraws(Philox& generator) : generator_(generator) {}

  double next() {
    if (left_ == 0) {
      const Philox::Block x = generator_.next();
      numbers_ = {uniform_double(x[0], x[1]), uniform_double(x[2], x[3])};
      left_ = 2;
    }
    return numbers_[--left_];
  }

 private:
  Philox& generator_;
  std::array<double, 2> numbers_{};
  std::size_t left_ = 0;
};

class NormalDraws {
 public:
  explicit NormalDraws(Philox& generator) : generator_(generator) {}

  double next() {
    if (left_ == 0) {
      const auto [first, second] = normal_doubles(generator_.next());
      numbers_ = {first, second};
      left_ = 2;
    }
    return numbers_[--left_];
  }

 private:
  Philox& generator_;
  std::array<double, 2> numbers_{};
  std::size_t left_ = 0;
};

/// How many samples each of `parameters` gets: the result's shape ends with the parameters'.
std::int64_t samples_of_each(const Shape& result, const Shape& parameters) {
  const int rank = parameters.rank(), before = result.rank() - rank;
  for (int i = 0; i < rank; ++i) {
    if (before < 0 || result[before + i] != parameters[i]) {
      invalid("Shape passed in must end with broadcasted shape: {} does not end with {}",
              result.to_string(), parameters.to_string());
    }
  }
  return product(result, 0, before);
}

/// draw(i, generator): a sample of parameter i; samples of one parameter lie `parameters` apart.
template <class T, class Draw>
void fill_samples(const Philox& generator, std::int64_t parameters, std::int64_t samples, T* out,
                  std::uint64_t blocks, const Draw& draw) {
  for (std::int64_t i = 0; i < parameters; ++i) {
    for (std::int64_t k = 0; k < samples; ++k) {
      Philox own = generator;
      own.skip(blocks * static_cast<std::uint64_t>(i * samples + k));
      out[k * parameters + i] = draw(i, own);
    }
  }
}

// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 2000.
double gamma_sample(double alpha, Philox& generator) {
  if (std::isnan(alpha)) return alpha;
  if (alpha == 1) {  // exponential
    const Philox::Block x = generator.next();
    return -std::log1p(-uniform_double(x[2], x[3]));
  }
  const bool small = alpha < 1;
  const double d = alpha + (small ? 2.0 / 3 : -1.0 / 3), c = 1.0 / 3 / std::sqrt(d);
  NormalDraws normal(generator);
  UniformDraws uniform(generator);
  // A draw is accepted nineteen times of twenty; without a bound a negative alpha would never be.
  constexpr int kMaxDraws = 10000;
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    const double x = normal.next();
    double v = 1 + c * x;
    if (!(v > 0)) continue;
    v = v * v * v;
    const double u = uniform.next();
    if (u < 1 - 0.0331 * (x * x) * (x * x) ||
        std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v))) {
      return small ? d * v * std::pow(uniform.next(), 1 / alpha) : d * v;
    }
  }
  invalid("alpha: {} is no shape of a gamma distribution", alpha);
}

// Knuth: events until their waiting times exceed one.
double few_events(double rate, Philox& generator) {
  const double limit = std::exp(-rate);
  UniformDraws uniform(generator);
  double product = 1, count = 0;
  for (;; count += 1) {
    product *= uniform.next();
    if (product <= limit) return count;
  }
}

// Hormann, "The transformed rejection method for generating Poisson random variables", 1993.
double many_events(double rate, Philox& generator) {
  const double log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  UniformDraws uniform(generator);
  for (;;) {
    const double u = uniform.next() - 0.5, v = uniform.next();
    const double edge = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / edge + b) * u + rate + 0.43);
    if (edge >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2)) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    int sign = 0;
    const double s = std::log(v * inverse_alpha / (a / (edge * edge) + b));
    if (s <= -rate + k * log_rate - ::lgamma_r(k + 1, &sign)) return k;
  }
}

double poisson_sample(double rate, Philox& generator) {
  if (!std::isfinite(rate)) return std::numeric_limits<double>::quiet_NaN();
  return rate < 10 ? few_events(rate, generator) : many_events(rate, generator);
}

// Sums waiting times between successes, which are geometric.
double few_successes(double count, double probability, Philox& generator) {
  UniformDraws uniform(generator);
  double sum = 0;
  for (int successes = 0;; ++successes) {
    sum += std::ceil(std::log(uniform.next()) / std::log1p(-probability));
    if (sum > count) return successes;
  }
}

/// What Stirling's formula lacks of log(k!).
double stirling_tail(double k) {
  constexpr double kTails[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983,
                               0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
                               0.0118967099458917,  0.0104112652619720, 0.00925546218271273,
                               0.00833056343336287};
  if (k <= 9) return kTails[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Hormann, "The generation of binomial random variates", 1993: algorithm BTRS.
double many_successes(double count, double p, Philox& generator) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5, v_box = 0.92 - 4.2 / b, r = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation, m = std::floor((count + 1) * p);
  UniformDraws uniform(generator);
  for (;;) {
    double u = uniform.next(), v = uniform.next();
    u -= 0.5;
    const double edge = 0.5 - std::abs(u), k = std::floor((2 * a / edge + b) * u + c);
    if (edge >= 0.07 && v <= v_box) return k;
    if (k < 0 || k > count) continue;
    v = std::log(v * alpha / (a / (edge * edge) + b));
    const double limit = (m + 0.5) * std::log((m + 1) / (r * (count - m + 1))) +
                         (count + 1) * std::log((count - m + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(r * (count - k + 1) / (k + 1)) + stirling_tail(m) +
                         stirling_tail(count - m) - stirling_tail(k) - stirling_tail(count - k);
    if (v <= limit) return k;
  }
}

/// The number of successes among `count` trials, from the side where they are the rarer event.
double binomial_sample(double count, double p, bool many, Philox& generator) {
  const bool mirrored = p > 0.5;
  const double q = mirrored ? 1 - p : p;
  const double n = many ? many_successes(count, q, generator) : few_successes(count, q, generator);
  return mirrored ? count - n : n;
}

/// For counts that no integer of the result can hold there is no number to give.
template <class U>
U sample_to(double value) {
  if constexpr (std::is_integral_v<U>) {
    if (!(std::abs(value) < 9.0e18)) return std::numeric_limits<U>::min();
  }
  return store<U>(value);
}

template <class T>
void fill_binomial(const HostArgs& args, const Philox& generator, const Shape& shape, Tensor& y) {
  const Tensor &counts = args.in[3], &probs = args.in[4];
  const std::int64_t parameters = shape.num_elements();
  const std::int64_t samples = samples_of_each(y.shape(), shape);
  const Broadcast pairs(shape, {counts.shape(), probs.shape()});
  for_reals(y.dtype(), [&](auto tag) {
    using U = TypeOf<decltype(tag)>;
    U* out = mutable_elements<U>(y);
    pairs.each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
      const T count = elements<T>(counts)[at[0]], p = elements<T>(probs)[at[1]];
      const double n = static_cast<double>(load(count)), q = static_cast<double>(load(p));
      const auto side = q > 0.5 ? load(store<T>(Compute<T>(1) - load(p))) : load(p);
      const bool many = static_cast<double>(load(store<T>(load(count) * side))) >= 10;
      for (std::int64_t k = 0; k < samples; ++k) {
        Philox own = generator;
        own.skip((many ? kBlocksPerSample : 42) * static_cast<std::uint64_t>(i * samples + k));
        double sample = std::numeric_limits<double>::quiet_NaN();
        if (n <= 0 || q <= 0) {
          sample = 0;
        } else if (q >= 1) {
          sample = n;
        } else if (!std::isnan(q) && std::isfinite(n)) {
          sample = binomial_sample(n, q, many, own);
        }
        out[k * parameters + i] = sample_to<U>(sample);
      }
    });
  });
}

}  // namespace

std::vector<Tensor> random_gamma(const HostArgs& args) {
  const Philox generator = generator_of(args.in[1], args.in[2]);
  const Tensor& alpha = args.in[3];
  Tensor y = allocate(args.out[0].dtype, integers(args.in[0]));
  const std::int64_t samples = samples_of_each(y.shape(), alpha.shape());
  for_floats(y.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* alphas = elements<T>(alpha);
    fill_samples(generator, alpha.num_elements(), samples, mutable_elements<T>(y), kBlocksPerSample,
                 [&](std::int64_t i, Philox& own) {
                   return store<T>(gamma_sample(to_number(alphas[i]), own));
                 });
  });
  return {std::move(y)};
}

std::vector<Tensor> random_poisson(const HostArgs& args) {
  const Philox generator = generator_of(args.in[1], args.in[2]);
  const Tensor& rate = args.in[3];
  Tensor y = allocate(args.out[0].dtype, integers(args.in[0]));
  const std::int64_t samples = samples_of_each(y.shape(), rate.shape());
  for_reals(rate.dtype(), [&](auto rate_tag) {
    using R = TypeOf<decltype(rate_tag)>;
    const R* rates = elements<R>(rate);
    for_reals(y.dtype(), [&](auto tag) {
      using U = TypeOf<decltype(tag)>;
      fill_samples(generator, rate.num_elements(), samples, mutable_elements<U>(y),
                   kBlocksPerSample, [&](std::int64_t i, Philox& own) {
                     const auto number = static_cast<double>(load(rates[i]));
                     return sample_to<U>(poisson_sample(number, own));
                   });
    });
  });
  return {std::move(y)};
}

std::vector<Tensor> random_binomial(const HostArgs& args) {
  const Philox generator = generator_of(args.in[1], args.in[2]);
  const Shape shape = broadcast(args.in[3].shape(), args.in[4].shape());
  Tensor y = allocate(args.out[0].dtype, integers(args.in[0]));
  for_reals(args.in[3].dtype(),
            [&](auto tag) { fill_binomial<TypeOf<decltype(tag)>>(args, generator, shape, y); });
  return {std::move(y)};
}

}  // namespace thaw::host
