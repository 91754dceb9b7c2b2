// Kernels for what is not float32 arithmetic: comparisons, casts, searches along an axis, copies;
// and resizing and transposed convolutions. Against the reference, sizes around the block widths.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> from) {
  return *(from.begin() + std::uniform_int_distribution<std::size_t>(0, from.size() - 1)(random));
}

Tensor cast(const Tensor& x, DType dtype) { return evaluate(ops::Cast{dtype}, {x}, 1)[0]; }

/// Whole numbers, few of them so that there are ties.
Tensor whole(std::mt19937& random, Shape shape, DType dtype, int low = -4, int high = 4) {
  Tensor x =
      random_floats(random, std::move(shape), static_cast<float>(low), static_cast<float>(high));
  for (std::int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<float>()[i] = std::floor(x.data<float>()[i]);
  return cast(x, dtype);
}

/// The reference in the operands' own types, every bit.
void expect_same(const Op& op, const std::vector<Tensor>& in, const std::string& what) {
  const std::vector<Tensor> expected = PreparedOp(reference_backend(), op, in, 1).run();
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const PreparedOp ours(cpu_backend(), op, in, 1, {}, threads);
    ASSERT_STRNE(ours.kernel().name(), "reference") << what;
    EXPECT_TRUE(same_bits(ours.run(&pool), expected)) << what << ", " << threads << " threads";
  }
}

TEST(CpuCoverage, ComparisonsAndIntegers) {
  std::mt19937 random(91);
  const std::pair<Shape, Shape> shapes[] = {{{33}, {33}},     {{5, 1}, {1, 70}}, {{40000}, {}},
                                            {{3, 4}, {3, 1}}, {{}, {7}},         {{0, 3}, {3}}};
  for (const auto& [a, b] : shapes) {
    for (const DType dtype : {DType::float32, DType::float64, DType::int8, DType::int32,
                              DType::int64, DType::uint8, DType::uint64}) {
      for (const BinaryKind kind :
           {BinaryKind::equal, BinaryKind::not_equal, BinaryKind::less, BinaryKind::less_equal,
            BinaryKind::greater, BinaryKind::greater_equal}) {
        expect_same(ops::Binary{kind}, {whole(random, a, dtype, 0), whole(random, b, dtype, 0)},
                    fmt::format("{} of {}", name_of(kind), name_of(dtype)));
      }
      if (!is_integer(dtype)) continue;
      for (const BinaryKind kind :
           {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::maximum,
            BinaryKind::minimum, BinaryKind::bitwise_and, BinaryKind::bitwise_xor}) {
        expect_same(ops::Binary{kind}, {whole(random, a, dtype, 0), whole(random, b, dtype, 0)},
                    fmt::format("{} of {}", name_of(kind), name_of(dtype)));
      }
    }
    for (const BinaryKind kind : {BinaryKind::logical_and, BinaryKind::logical_or,
                                  BinaryKind::logical_xor, BinaryKind::equal}) {
      expect_same(ops::Binary{kind}, {random_bools(random, a, 0.5), random_bools(random, b, 0.5)},
                  name_of(kind));
    }
  }
}

TEST(CpuCoverage, IntegersWrap) {
  const Tensor low = Tensor::from<std::int32_t>({2}, {INT32_MIN, INT32_MAX}),
               one = Tensor::from<std::int32_t>({2}, {1, 1});
  for (const BinaryKind kind : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul}) {
    expect_same(ops::Binary{kind}, {low, one}, name_of(kind));
    expect_same(ops::Binary{kind}, {low, low}, name_of(kind));
  }
}

TEST(CpuCoverage, Casts) {
  std::mt19937 random(92);
  constexpr double kInf = std::numeric_limits<double>::infinity();
  std::vector<double> edges = {
      0.0,          -0.0,         0.5,           -0.5,          1.5,          -1.9,   127.5,
      128,          -129,         255,           256,           65504,        65520,  -7e4,
      2147483647.0, 2147483648.0, -2147483648.5, -2147483649.0, 9.2e18,       9.3e18, -9.3e18,
      1e30,         -1e30,        kInf,          -kInf,         std::nan(""), 1e-8,   1e-45};
  for (int i = 0; i < 60; ++i) edges.push_back(std::uniform_real_distribution<>(-300, 300)(random));
  const Tensor values = Tensor::from<double>({static_cast<std::int64_t>(edges.size())}, edges);
  const DType usual[] = {DType::boolean, DType::uint8,   DType::int8,
                         DType::int32,   DType::int64,   DType::bfloat16,
                         DType::float16, DType::float32, DType::float64};
  for (const DType from : usual) {
    for (const DType to : usual) {
      const bool half = to == DType::float16 || to == DType::bfloat16;
      const bool twice = half && from != DType::float32 && size_of(from) != 2;
      if (from == to || twice) continue;
      expect_same(ops::Cast{to}, {cast(values, from)},
                  fmt::format("{} to {}", name_of(from), name_of(to)));
    }
  }
}

TEST(CpuCoverage, SearchesAndScans) {
  std::mt19937 random(93);
  for (const std::int64_t size : {1, 5, 15, 16, 17, 33, 300}) {
    for (const std::int64_t inner : {1, 3, 64, 70}) {
      for (const DType dtype : {DType::float32, DType::float64, DType::int32, DType::int64}) {
        const Tensor x = whole(random, {3, size, inner}, dtype);
        for (const bool minimum : {false, true}) {
          expect_same(ops::ArgReduce{minimum, 1, size == 5 ? DType::int32 : DType::int64}, {x},
                      fmt::format("arg of {}x{} {}", size, inner, name_of(dtype)));
        }
        for (const bool flag : {false, true}) {
          expect_same(ops::Scan{ScanKind::sum, 1, flag, size % 2 == 0}, {x}, "sum");
          expect_same(ops::Scan{ScanKind::sum, -2, !flag, flag}, {x}, "sum");
        }
      }
    }
  }
  const Tensor product = whole(random, {2, 6, 3}, DType::float32, 1, 3);
  expect_same(ops::Scan{ScanKind::prod, 1, true, false}, {product}, "product");
  expect_same(ops::Scan{ScanKind::prod, 1, false, true}, {product}, "product");
}

TEST(CpuCoverage, ReductionsOfIntegersAndBools) {
  std::mt19937 random(97);
  for (const std::int64_t size : {1, 7, 300}) {
    for (const std::int64_t inner : {1, 3, 257}) {
      const Tensor axes = Tensor::from<std::int64_t>({1}, {1});
      for (const DType dtype : {DType::int32, DType::int64}) {
        for (const ReduceKind kind :
             {ReduceKind::sum, ReduceKind::prod, ReduceKind::max, ReduceKind::min}) {
          expect_same(ops::Reduce{kind, size == 7}, {whole(random, {3, size, inner}, dtype), axes},
                      fmt::format("reduce {} {}x{}", name_of(dtype), size, inner));
        }
      }
      for (const ReduceKind kind : {ReduceKind::all, ReduceKind::any}) {
        for (const double probability : {0.02, 0.98}) {
          expect_same(ops::Reduce{kind, false},
                      {random_bools(random, {3, size, inner}, probability), axes}, "all or any");
        }
      }
    }
  }
}

TEST(CpuCoverage, FunctionsOfTheLibrary) {
  std::mt19937 random(98);
  const float inf = HUGE_VALF, nan = std::nanf("");
  Tensor x = random_floats(random, {6, 40}, -5, 5), y = random_floats(random, {40}, -3, 3);
  const float edges[] = {0.0f, -0.0f, inf, -inf, nan, 1, -1, 2.5f, 1e-40f, 3e38f};
  std::copy(std::begin(edges), std::end(edges), x.mutable_data<float>());
  std::copy(std::rbegin(edges), std::rend(edges), y.mutable_data<float>());
  for (const BinaryKind kind :
       {BinaryKind::floor_div, BinaryKind::floor_mod, BinaryKind::truncate_mod, BinaryKind::pow,
        BinaryKind::atan2, BinaryKind::xlogy}) {
    expect_same(ops::Binary{kind}, {x, y}, name_of(kind));
  }
  for (const UnaryKind kind : {UnaryKind::is_nan, UnaryKind::is_inf, UnaryKind::is_finite}) {
    expect_same(ops::Unary{{kind}}, {x}, name_of(kind));
  }
}

TEST(CpuCoverage, SearchesPassOverNaNs) {
  const float nan = std::nanf(""), inf = HUGE_VALF;
  for (const std::vector<float>& line : std::vector<std::vector<float>>{{nan, 1, 2, nan},
                                                                        {nan, nan},
                                                                        {-inf, -inf},
                                                                        {inf, nan, inf},
                                                                        {0.0f, -0.0f},
                                                                        {nan, -inf}}) {
    std::vector<float> many(40, nan);
    std::copy(line.begin(), line.end(), many.begin() + 3);
    for (const std::vector<float>& values : {line, many}) {
      const auto count = static_cast<std::int64_t>(values.size());
      for (const bool minimum : {false, true}) {
        expect_same(ops::ArgReduce{minimum, 0, DType::int64},
                    {Tensor::from<float>({count}, values)}, "a row");
        Tensor two(DType::float32, {count, 2});
        for (std::int64_t i = 0; i < 2 * count; ++i)
          two.mutable_data<float>()[i] = values[static_cast<std::size_t>(i / 2)];
        expect_same(ops::ArgReduce{minimum, 0, DType::int32}, {two}, "two columns");
      }
    }
  }
}

TEST(CpuCoverage, Copies) {
  std::mt19937 random(94);
  const auto ints = [](std::vector<std::int64_t> values) {
    return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
  };
  for (const DType dtype :
       {DType::boolean, DType::float16, DType::float32, DType::int64, DType::complex128}) {
    const Tensor x = whole(random, {4, 1, 5}, dtype, 0, 2);
    expect_same(ops::BroadcastTo{}, {x, ints({3, 4, 6, 5})}, "broadcast");
    expect_same(ops::BroadcastTo{}, {whole(random, {}, dtype, 0, 2), ints({3, 4})}, "fill");
    expect_same(ops::Tile{}, {x, ints({2, 3, 1})}, "tile");
    expect_same(ops::Tile{}, {x, ints({1, 1, 4})}, "tile rows");
    expect_same(ops::Tile{}, {x, ints({0, 1, 4})}, "tile to nothing");
    expect_same(ops::Reverse{{0, 2}}, {x}, "reverse");
    expect_same(ops::Reverse{{-1}}, {x}, "reverse rows");
    const Tensor c = random_bools(random, {4, 3, 5}, 0.5);
    expect_same(ops::Select{}, {c, x, whole(random, {5}, dtype, 0, 2)}, "select");
    const Tensor at = whole(random, {3, 4}, DType::int32, -1, 7);
    for (const std::int64_t axis : {-1, 0, 1}) {
      expect_same(ops::OneHot{axis},
                  {at, Tensor::from<std::int32_t>(Shape{}, {5}), whole(random, {}, dtype, 1, 2),
                   whole(random, {}, dtype, 0, 1)},
                  "one hot");
    }
  }
}

TEST(CpuCoverage, Resizing) {
  std::mt19937 random(95);
  for (const std::int64_t channels : {1, 3, 17}) {
    for (const auto& [h, w] :
         {std::pair<std::int64_t, std::int64_t>{10, 14}, {3, 5}, {1, 1}, {5, 7}}) {
      for (const int corners : {0, 1, 2}) {
        ops::Resize op;
        op.align_corners = corners == 1;
        op.half_pixel_centers = corners == 2;
        const std::vector<Tensor> in = {random_floats(random, {2, 5, 7, channels}),
                                        Tensor::from<std::int64_t>({2}, {h, w})};
        op.method = ResizeMethod::nearest;
        expect_same(op, in, "nearest");
        op.method = ResizeMethod::bilinear;
        expect_agrees(op, in, 1, {}, 5e-7, fmt::format("bilinear to {}x{}", h, w));
      }
    }
  }
}

TEST(CpuCoverage, TransposedConvolutions) {
  std::mt19937 random(96);
  for (int i = 0; i < 120; ++i) {
    ops::ConvTranspose op;
    const int spatial = pick(random, {1, 2, 2, 2, 3});
    std::vector<std::int64_t> x = {pick<std::int64_t>(random, {1, 3})}, w, size;
    const PaddingKind kind = pick(random, {PaddingKind::valid, PaddingKind::same});
    op.padding.kind = kind;
    for (int axis = 0; axis < spatial; ++axis) {
      const std::int64_t k = pick<std::int64_t>(random, {1, 2, 3, 5});
      const std::int64_t in = pick<std::int64_t>(random, {1, 2, 5, 9});
      op.strides.push_back(pick<std::int64_t>(random, {1, 2, 3}));
      op.dilations.push_back(op.strides.back() == 1 ? pick<std::int64_t>(random, {1, 2}) : 1);
      const std::int64_t reach = (k - 1) * op.dilations.back() + 1;
      size.push_back(kind == PaddingKind::same
                         ? in * op.strides.back()
                         : (in - 1) * op.strides.back() + reach + (op.strides.back() > 1 ? 1 : 0));
      if (kind == PaddingKind::valid && op.strides.back() > reach) size.back() -= 1;
      w.push_back(k);
      x.push_back(in);
    }
    const auto inputs = pick<std::int64_t>(random, {1, 3, 16, 20});
    const auto outputs = pick<std::int64_t>(random, {1, 2, 17});
    x.push_back(inputs);
    w.insert(w.end(), {outputs, inputs});
    std::vector<Tensor> in = {
        random_floats(random, Shape(x)), random_floats(random, Shape(w)),
        Tensor::from<std::int64_t>({static_cast<std::int64_t>(spatial)}, size)};
    if (i % 2 == 0) in.push_back(random_floats(random, {outputs}));
    expect_agrees(op, in, 1, {1}, 2e-6,
                  fmt::format("{} with {} stride {} dilation {} same {}", Shape(x).to_string(),
                              Shape(w).to_string(), op.strides[0], op.dilations[0],
                              kind == PaddingKind::same));
  }
  // More products than are kept at a time.
  ops::ConvTranspose wide;
  wide.strides = {2, 2};
  wide.dilations = {1, 1};
  wide.padding.kind = PaddingKind::same;
  expect_agrees(wide,
                {random_floats(random, {1, 70, 64, 8}), random_floats(random, {5, 5, 40, 8}),
                 Tensor::from<std::int64_t>({2}, {140, 128})},
                1, {1}, 2e-6, "in bands");
}

TEST(CpuCoverage, TransposedConvolutionsWhoseWindowsDoNotOverlap) {
  std::mt19937 random(97);
  for (const std::vector<std::int64_t>& window :
       std::vector<std::vector<std::int64_t>>{{2}, {3, 1}, {2, 2}, {2, 3}, {1, 2, 2}, {3, 2, 4}}) {
    ops::ConvTranspose op;
    op.padding.kind = PaddingKind::same;
    std::vector<std::int64_t> x = {2}, w, size;
    for (const std::int64_t k : window) {
      op.strides.push_back(k);
      op.dilations.push_back(1);
      w.push_back(k);
      x.push_back(pick<std::int64_t>(random, {3, 7, 11}));
      size.push_back(x.back() * k);
    }
    x.push_back(19);
    w.insert(w.end(), {33, 19});
    const auto rank = static_cast<std::int64_t>(window.size());
    std::vector<Tensor> in = {random_floats(random, Shape(x)), random_floats(random, Shape(w)),
                              Tensor::from<std::int64_t>({rank}, size)};
    expect_agrees(op, in, 1, {1}, 2e-6, Shape(w).to_string());
    in.push_back(random_floats(random, {33}));
    expect_agrees(op, in, 1, {1}, 2e-6, Shape(w).to_string() + " with bias");
  }
}

}  // namespace
}  // namespace thaw::test
