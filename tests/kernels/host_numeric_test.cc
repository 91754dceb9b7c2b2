// Host functions of numbers: transforms, special functions, random numbers, matrices. Whole graphs
// of them are compared with TensorFlow by the goldens of tests/golden/numeric.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <fstream>
#include <limits>
#include <numbers>
#include <sstream>

#include "kernels/backend.h"
#include "runtime/ir/ops.h"

namespace thaw::test {
namespace {

using testing::HasSubstr;
using Complex = std::complex<double>;

std::vector<Tensor> call(const char* function, Attributes attributes,
                         const std::vector<Tensor>& inputs, int outputs = 1) {
  return evaluate(ops::HostCall{function, std::move(attributes), nullptr}, inputs, outputs);
}

void expect_error(const char* function, Attributes attributes, const std::vector<Tensor>& inputs,
                  const char* part, int outputs = 1) {
  try {
    call(function, std::move(attributes), inputs, outputs);
    ADD_FAILURE() << function << " did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(part)) << function;
  }
}

Tensor doubles(Shape shape, const std::vector<double>& values) {
  return Tensor::from<double>(std::move(shape), values);
}
Tensor longs(Shape shape, const std::vector<std::int64_t>& values) {
  return Tensor::from<std::int64_t>(std::move(shape), values);
}

Tensor complexes(Shape shape, const std::vector<Complex>& values) {
  Tensor tensor(DType::complex128, std::move(shape));
  std::copy(values.begin(), values.end(), static_cast<Complex*>(tensor.mutable_data()));
  return tensor;
}
const Complex* complex_data(const Tensor& tensor) {
  return static_cast<const Complex*>(tensor.data());
}

std::vector<Complex> signal(std::int64_t n) {
  std::vector<Complex> x;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto t = static_cast<double>(i);
    x.emplace_back(std::sin(1.3 * t * t + 0.2), std::cos(0.7 * t * t));
  }
  return x;
}

// ---- transforms ----

// Powers of two, small primes, products of both, and large primes, which go by a convolution.
TEST(FourierTransform, EveryLengthAgreesWithTheDefinition) {
  for (const std::int64_t n : {1,  2,  3,  4,  5,  6,  7,  8,  9,  11,  12,  13,  16,  25,  30,
                               31, 32, 37, 48, 49, 60, 64, 74, 97, 128, 210, 256, 257, 360, 509}) {
    const std::vector<Complex> x = signal(n);
    const Tensor forward =
        call("fft", {{"rank", std::int64_t{1}}, {"inverse", false}}, {complexes({n}, x)})[0];
    double worst = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      std::complex<long double> sum = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        const long double angle = -2 * std::numbers::pi_v<long double> *
                                  static_cast<long double>(j * k % n) / static_cast<long double>(n);
        sum += std::complex<long double>(x[static_cast<std::size_t>(j)]) *
               std::complex<long double>(std::cos(angle), std::sin(angle));
      }
      worst = std::max(worst, std::abs(complex_data(forward)[k] - Complex(sum)));
    }
    EXPECT_LT(worst, 1e-14 * std::sqrt(static_cast<double>(n)) * 10) << n;
    const Tensor back = call("fft", {{"rank", std::int64_t{1}}, {"inverse", true}}, {forward})[0];
    for (std::int64_t i = 0; i < n; ++i) {
      EXPECT_LT(std::abs(complex_data(back)[i] - x[static_cast<std::size_t>(i)]), 2e-14) << n;
    }
  }
}

// Axes in any order, cut and padded: as the transform of an operand that was cut and padded before.
TEST(FourierTransform, GivenAxesAreCutAndPadded) {
  const Tensor x = complexes({4, 2, 3}, signal(24));
  const Tensor y =
      call("fft", {{"inverse", false}}, {x, longs({2}, {3, 5}), longs({2}, {0, -1})})[0];
  ASSERT_EQ(y.shape(), (Shape{3, 2, 5}));
  for (std::int64_t a = 0; a < 3; ++a) {
    for (std::int64_t b = 0; b < 2; ++b) {
      for (std::int64_t c = 0; c < 5; ++c) {
        Complex sum = 0;
        for (std::int64_t i = 0; i < 3; ++i) {
          for (std::int64_t k = 0; k < 3; ++k) {
            const double turn = static_cast<double>(a * i) / 3 + static_cast<double>(c * k) / 5;
            sum += complex_data(x)[(i * 2 + b) * 3 + k] *
                   std::polar(1.0, -2 * std::numbers::pi * turn);
          }
        }
        EXPECT_LT(std::abs(complex_data(y)[(a * 2 + b) * 5 + c] - sum), 1e-13);
      }
    }
  }
}

TEST(FourierTransform, RealSignalsComeBack) {
  const Tensor x = doubles({2, 7}, {1, -2, 3, 0.5, 4, -1, 2, 0, 1, 0, 1, 0, 1, 9});
  const Tensor lengths = longs({1}, {7});
  const Attributes forward{{"rank", std::int64_t{1}}, {"inverse", false}};
  const Attributes inverse{{"rank", std::int64_t{1}}, {"inverse", true}};
  const Tensor spectrum = call("rfft", forward, {x, lengths})[0];
  EXPECT_EQ(spectrum.shape(), (Shape{2, 4}));
  const Tensor back = call("rfft", inverse, {spectrum, lengths})[0];
  for (int i = 0; i < 14; ++i) EXPECT_NEAR(back.data<double>()[i], x.data<double>()[i], 1e-14);
  expect_error("rfft", forward, {x, longs({1}, {8})}, "must have length of at least 8 but got: 7");
  expect_error("rfft", forward, {x, longs({1}, {0})}, "positive");
  expect_error("rfft", forward, {x, longs({2}, {7, 7})}, "expected 1 elements");
  expect_error("rfft", inverse, {spectrum, longs({1}, {9})}, "at least 5 but got: 4");
  expect_error("fft", {{"inverse", false}}, {spectrum, longs({2}, {2, 2}), longs({2}, {1, -1})},
               "axis 1 twice");
}

TEST(Wav, DamagedFilesAreNamed) {
  const std::string format("fmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0", 24);
  const std::string head("RIFF\0\0\0\0WAVE", 12);
  const std::string data("data\4\0\0\0\0\x80\xff\x7f", 12);
  const Attributes any{{"desired_channels", std::int64_t{-1}},
                       {"desired_samples", std::int64_t{-1}}};
  const auto file = [](const std::string& bytes) {
    return std::vector<Tensor>{Tensor::from<std::string>(Shape{}, {bytes})};
  };
  const std::vector<Tensor> wave = call("decode_wav", any, file(head + format + data), 2);
  ASSERT_EQ(wave[0].shape(), (Shape{2, 1}));
  EXPECT_EQ(wave[0].data<float>()[0], -1.0f);
  EXPECT_EQ(wave[0].data<float>()[1], 32767.0f / 32768.0f);
  EXPECT_EQ(*wave[1].data<std::int32_t>(), 8000);
  const std::string whole = head + format + data;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(call("decode_wav", any, file(whole.substr(0, size)), 2), Error) << size;
  }
  std::string bad = whole;
  bad[0] = 'X';
  expect_error("decode_wav", any, file(bad), "Expected RIFF", 2);
  bad = whole;
  bad[20] = 3;
  expect_error("decode_wav", any, file(bad), "Expected 1 (PCM), but got 3", 2);
  bad = whole;
  bad[22] = 2;
  expect_error("decode_wav", any, file(bad), "contradicts itself", 2);
  expect_error("decode_wav", any, file(head + data), "before its format", 2);
  expect_error("decode_wav", any, file(head + format), "without a data chunk", 2);
  std::string huge = whole;
  huge[40] = '\xff', huge[43] = '\xff';
  expect_error("decode_wav", any, file(huge), "more are needed", 2);
}

// ---- special functions ----

TEST(SpecialFunctions, AgreeWithFortyDigits) {
  std::ifstream file(THAW_SOURCE_DIR "/tests/kernels/vectors/special.txt");
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream in(line);
    std::string function;
    in >> function;
    std::vector<double> numbers;
    for (std::string word; in >> word;) numbers.push_back(std::strtod(word.c_str(), nullptr));
    ASSERT_GE(numbers.size(), 2u) << line;
    const double expected = numbers.back();
    numbers.pop_back();
    std::vector<Tensor> inputs, floats;
    for (const double number : numbers) {
      inputs.push_back(doubles({}, {number}));
      floats.push_back(Tensor::from<float>(Shape{}, {static_cast<float>(number)}));
    }
    const double got = *call(function.c_str(), {}, inputs)[0].data<double>();
    EXPECT_NEAR(got, expected, std::abs(expected) * 1e-13) << line;
    EXPECT_EQ(call(function.c_str(), {}, floats)[0].dtype(), DType::float32);
    ++checked;
  }
  EXPECT_GT(checked, 900);
}

TEST(SpecialFunctions, EdgesAreThoseOfTheirDefinitions) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto of = [](const char* function, std::vector<double> arguments) {
    std::vector<Tensor> inputs;
    for (const double x : arguments) inputs.push_back(doubles({}, {x}));
    return *call(function, {}, inputs)[0].data<double>();
  };
  EXPECT_EQ(of("erfinv", {-1}), -kInfinity);
  EXPECT_TRUE(std::isnan(of("erfinv", {1.5})));
  EXPECT_EQ(of("ndtri", {1}), kInfinity);
  EXPECT_EQ(of("expint", {0}), -kInfinity);
  EXPECT_TRUE(std::isnan(of("expint", {-1})));
  EXPECT_EQ(of("bessel_k0", {0}), kInfinity);
  EXPECT_EQ(of("bessel_y1", {0}), -kInfinity);
  EXPECT_EQ(of("fresnel_sin", {-kInfinity}), -0.5);
  EXPECT_EQ(of("igamma", {2, 0}), 0);
  EXPECT_EQ(of("igammac", {2, kInfinity}), 0);
  EXPECT_TRUE(std::isnan(of("igamma", {-1, 1})));
  EXPECT_EQ(of("zeta", {1, 3}), kInfinity);
  EXPECT_TRUE(std::isnan(of("zeta", {2.5, -1.5})));
  // The sum over both sides of zero, far from it: 2 zeta(2, 1/2) but for the far tail.
  EXPECT_NEAR(of("zeta", {2, -1e9 + 0.5}), std::pow(std::numbers::pi, 2) - 1e-9, 1e-12);
  EXPECT_EQ(of("betainc", {2, 3, 1}), 1);
  EXPECT_TRUE(std::isnan(of("betainc", {2, 3, 1.5})));
  EXPECT_TRUE(std::isnan(of("polygamma", {1.5, 2})));
  // Five standard deviations below the mean of a normal distribution with a skewness of 2e-6.
  EXPECT_NEAR(of("igamma", {1e12, 1e12 - 5e6}), 2.866396781e-07, 1e-15);
}

// ---- random numbers ----

// The known answers of Random123's authors.
TEST(Philox, GivesThePublishedBlocks) {
  struct Row {
    std::uint64_t key, low, high;
    std::vector<std::uint32_t> block;
  };
  const Row rows[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x299f31d0a4093822,
       0x85a308d3243f6a88,
       0x0370734413198a2e,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Row& row : rows) {
    const Tensor words = call("random_numbers",
                              {{"distribution", std::string("integers")}, {"dtype", DType::uint32}},
                              {longs({1}, {4}), Tensor::from<std::uint64_t>({1}, {row.key}),
                               Tensor::from<std::uint64_t>({2}, {row.low, row.high})})[0];
    EXPECT_EQ(
        std::vector<std::uint32_t>(words.data<std::uint32_t>(), words.data<std::uint32_t>() + 4),
        row.block);
  }
}

TEST(RandomNumbers, SeedsDifferAndAreNeverFolded) {
  const Op seed = ops::HostCall{"random_seed", {}, nullptr};
  EXPECT_FALSE(is_deterministic(seed));
  const std::uint64_t first = *evaluate(seed, {}, 2)[0].data<std::uint64_t>();
  const std::uint64_t second = *evaluate(seed, {}, 2)[0].data<std::uint64_t>();
  EXPECT_NE(first, second);
}

TEST(RandomNumbers, BadLimitsAndShapesAreNamed) {
  const Tensor key = Tensor::from<std::uint64_t>({1}, {1}),
               counter = Tensor::from<std::uint64_t>({2}, {0, 0});
  const Attributes range{{"distribution", std::string("integers_in_range")},
                         {"dtype", DType::int64}};
  expect_error("random_numbers", range,
               {longs({1}, {3}), key, counter, longs({}, {5}), longs({}, {5})},
               "Need minval < maxval, got 5 >= 5");
  expect_error("random_numbers", range,
               {longs({1}, {-3}), key, counter, longs({}, {0}), longs({}, {5})}, "dimension -3");
  expect_error("random_numbers",
               {{"distribution", std::string("cauchy")}, {"dtype", DType::float32}},
               {longs({1}, {3}), key, counter}, "no distribution is called 'cauchy'");
  expect_error("random_key", {}, {longs({3}, {1, 2, 3})}, "seed must have shape [2]", 2);
  expect_error("multinomial", {{"dtype", DType::int32}},
               {doubles({2, 0}, {}), longs({}, {1}), key, counter}, "num_classes");
}

// ---- matrices ----

TEST(LinearAlgebra, SingularAndIllFormedMatricesAreNamed) {
  const Tensor zeros = doubles({2, 2}, {0, 0, 0, 0}), b = doubles({2, 1}, {1, 2});
  const Tensor wide(DType::float64, Shape{2, 3});
  expect_error("matrix_inverse", {{"adjoint", false}}, {zeros}, "Input is not invertible.");
  expect_error("matrix_solve", {{"adjoint", false}}, {zeros, b}, "Input matrix is not invertible.");
  expect_error("lu", {{"dtype", DType::int32}}, {zeros}, "Input is not invertible.", 2);
  expect_error("banded_triangular_solve", {{"lower", true}, {"adjoint", false}}, {zeros, b},
               "Input matrix is not invertible.");
  for (const char* function : {"cholesky", "matrix_determinant", "matrix_square_root"}) {
    expect_error(function, {}, {wide}, "Input matrix must be square");
  }
  expect_error("matrix_solve", {{"adjoint", false}}, {zeros, doubles({3, 1}, {1, 2, 3})},
               "rows of rhs");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor bad = doubles({2, 2}, {nan, 1, 1, 1});
  expect_error("self_adjoint_eig", {{"compute_v", true}}, {bad},
               "Self-adjoint eigen decomposition was not successful.", 2);
  expect_error("eig", {{"compute_v", true}}, {bad}, "Eigen decomposition was not successful.", 2);
  expect_error("matrix_solve_ls", {{"fast", true}}, {zeros, b, doubles({}, {-1})},
               "l2_regularizer must be >= 0.");
  for (const Tensor& y : call("svd", {{"compute_uv", true}, {"full_matrices", true}}, {bad}, 3)) {
    EXPECT_TRUE(std::isnan(y.data<double>()[0]));
  }
  // Not positive definite, singular triangles and tridiagonals: NaN or infinities, no error.
  EXPECT_TRUE(std::isnan(*call("cholesky", {}, {doubles({2, 2}, {1, 2, 2, 1})})[0].data<double>()));
  EXPECT_FALSE(
      std::isfinite(*call("triangular_solve", {{"lower", true}, {"adjoint", false}}, {zeros, b})[0]
                         .data<double>()));
}

TEST(LinearAlgebra, BadDiagonalsAreNamed) {
  const Tensor x(DType::float64, Shape{2, 3}), zero = doubles({}, {0});
  const Attributes align{{"align", std::string("LEFT_LEFT")}};
  expect_error("matrix_diag_part", align, {x, longs({2}, {1, -1}), zero}, "a lower and an upper");
  expect_error("matrix_diag_part", align, {x, longs({}, {3}), zero}, "diagonal 3");
  expect_error("matrix_set_diag", align, {x, doubles({3}, {1, 2, 3}), longs({}, {0})},
               "expected diagonals [2], found [3]");
  expect_error("matrix_set_diag", align, {x, doubles({1}, {1}), longs({}, {INT64_MIN})},
               "out of bound");
  expect_error("matrix_diag", align,
               {doubles({3}, {1, 2, 3}), longs({}, {0}), longs({}, {2}), longs({}, {-1}), zero},
               "too small");
  expect_error("matrix_diag", align,
               {doubles({3}, {1, 2, 3}), longs({}, {0}), longs({}, {9}), longs({}, {9}), zero},
               "not consistent");
}

// ---- bits ----

TEST(Bits, ComparisonsArePackedHighestBitFirst) {
  const Tensor x = doubles({1, 16}, {1, -1, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3});
  const Tensor packed = call("compare_and_bitpack", {}, {x, doubles({}, {0})})[0];
  EXPECT_EQ(packed.shape(), (Shape{1, 2}));
  EXPECT_EQ(packed.data<std::uint8_t>()[0], 0b10110001);
  EXPECT_EQ(packed.data<std::uint8_t>()[1], 1);
  expect_error("compare_and_bitpack", {}, {doubles({3}, {1, 2, 3}), doubles({}, {0})}, "8 n");
}

TEST(Bits, ABitcastMustFit) {
  expect_error("bitcast", {{"dtype", DType::float64}}, {Tensor(DType::int32, Shape{3})},
               "the last dimension of [3] is not 2");
  expect_error("bitcast", {{"dtype", DType::boolean}}, {Tensor(DType::int8, Shape{3})},
               "a numeric type");
  EXPECT_EQ(
      call("bitcast", {{"dtype", DType::int16}}, {Tensor(DType::float64, Shape{0, 2})})[0].shape(),
      (Shape{0, 2, 4}));
}

}  // namespace
}  // namespace thaw::test
