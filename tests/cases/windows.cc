// Rows of convolution, pooling, resizing and space-to-batch.
#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

using Ints = std::vector<std::int64_t>;

const Padding kValid{PaddingKind::valid}, kSame{PaddingKind::same}, kCausal{PaddingKind::causal};

struct ConvRow {
  const char* name;
  Shape x, w;
  Ints strides, dilations;
  Padding padding;
  std::int64_t groups = 1;
};

void add_conv(Rows& rows) {
  const std::vector<ConvRow> table = {
      {"1d", {2, 19, 3}, {3, 3, 5}, {1}, {1}, kValid},
      {"1d same stride", {2, 19, 3}, {4, 3, 5}, {2}, {1}, kSame},
      {"1d causal dilated", {2, 19, 3}, {3, 3, 5}, {1}, {2}, kCausal},
      {"1d causal stride", {1, 18, 1}, {2, 1, 7}, {3}, {1}, kCausal},
      {"2d", {2, 9, 8, 3}, {3, 3, 3, 16}, {1, 1}, {1, 1}, kValid},
      {"2d same", {1, 9, 8, 3}, {3, 3, 3, 16}, {1, 1}, {1, 1}, kSame},
      {"2d same stride", {2, 9, 8, 5}, {3, 2, 5, 7}, {2, 2}, {1, 1}, kSame},
      {"2d same uneven", {2, 11, 6, 4}, {5, 4, 4, 3}, {3, 1}, {1, 1}, kSame},
      {"2d dilated", {2, 11, 10, 4}, {3, 3, 4, 9}, {1, 1}, {2, 3}, kSame},
      {"2d explicit",
       {2, 7, 6, 4},
       {3, 3, 4, 5},
       {2, 1},
       {1, 1},
       {PaddingKind::explicit_, {1, 0}, {2, 3}}},
      {"2d pointwise", {2, 7, 5, 17}, {1, 1, 17, 33}, {1, 1}, {1, 1}, kSame},
      {"2d one channel", {2, 28, 28, 1}, {5, 5, 1, 6}, {1, 1}, {1, 1}, kValid},
      {"2d groups", {2, 7, 6, 6}, {3, 3, 3, 8}, {1, 1}, {1, 1}, kSame, 2},
      {"2d depthwise", {2, 9, 8, 7}, {3, 3, 1, 7}, {1, 1}, {1, 1}, kSame, 7},
      {"2d depthwise stride", {2, 9, 8, 16}, {3, 3, 1, 16}, {2, 2}, {1, 1}, kSame, 16},
      {"2d depthwise multiplier", {2, 9, 8, 5}, {3, 2, 1, 15}, {1, 1}, {1, 1}, kValid, 5},
      {"2d depthwise dilated", {1, 9, 8, 5}, {3, 3, 1, 5}, {1, 1}, {2, 2}, kSame, 5},
      {"3d", {2, 5, 6, 4, 3}, {2, 3, 2, 3, 5}, {1, 1, 1}, {1, 1, 1}, kSame},
      {"3d stride", {1, 5, 6, 7, 3}, {3, 3, 3, 3, 4}, {2, 1, 3}, {1, 1, 1}, kValid},
      {"window outside", {1, 2, 2, 3}, {5, 5, 3, 4}, {1, 1}, {1, 1}, kSame},
      {"empty batch", {0, 7, 6, 3}, {3, 3, 3, 4}, {1, 1}, {1, 1}, kSame},
  };
  for (const ConvRow& row : table) {
    const ops::Conv op{row.strides, row.dilations, row.padding, row.groups};
    const std::int64_t outputs = row.w[row.w.rank() - 1];
    rows.push_back(
        {std::string("conv ") + row.name, op, {x(row.x), weight(row.w)}, kFloats, Accuracy::sum});
    rows.push_back({std::string("conv bias ") + row.name,
                    op,
                    {x(row.x), weight(row.w), weight({outputs})},
                    kFloats,
                    Accuracy::sum});
  }
}

void add_conv_activations(Rows& rows) {
  for (const UnaryFn& fn : {UnaryFn{UnaryKind::relu},
                            {UnaryKind::clamp, 0, 6},
                            {UnaryKind::silu},
                            {UnaryKind::elu, 1}}) {
    rows.push_back({std::string("conv ") + name_of(fn.kind),
                    ops::Conv{{1, 1}, {1, 1}, kSame, 1, fn},
                    {x({2, 9, 7, 5}), weight({3, 3, 5, 9}), weight({9})},
                    kFloats,
                    Accuracy::sum});
  }
  rows.push_back({"conv weights not constant",
                  ops::Conv{{1, 1}, {1, 1}, kSame, 1},
                  {x({2, 9, 7, 5}), x({3, 3, 5, 9})},
                  kFloats,
                  Accuracy::sum});
}

struct TransposeRow {
  const char* name;
  Shape x, w;
  Ints spatial, strides, dilations;
  Padding padding;
};

void add_conv_transpose(Rows& rows) {
  const std::vector<TransposeRow> table = {
      {"1d", {2, 7, 3}, {4, 5, 3}, {16}, {2}, {1}, kValid},
      {"2d same", {2, 5, 4, 3}, {3, 3, 7, 3}, {10, 8}, {2, 2}, {1, 1}, kSame},
      {"2d same short", {2, 5, 4, 3}, {3, 3, 7, 3}, {9, 7}, {2, 2}, {1, 1}, kSame},
      {"2d valid", {2, 5, 4, 3}, {3, 2, 7, 3}, {11, 8}, {2, 2}, {1, 1}, kValid},
      {"2d valid extra", {1, 5, 4, 3}, {2, 2, 7, 3}, {16, 12}, {3, 3}, {1, 1}, kValid},
      {"2d stride 1", {2, 5, 4, 3}, {3, 3, 7, 3}, {5, 4}, {1, 1}, {1, 1}, kSame},
      {"2d dilated", {1, 5, 4, 3}, {3, 3, 2, 3}, {9, 8}, {1, 1}, {2, 2}, kValid},
      {"2d explicit",
       {1, 3, 3, 2},
       {3, 3, 4, 2},
       {5, 5},
       {2, 2},
       {1, 1},
       {PaddingKind::explicit_, {1, 1}, {1, 1}}},
      {"3d", {1, 2, 3, 2, 3}, {3, 2, 3, 2, 3}, {4, 6, 4}, {2, 2, 2}, {1, 1, 1}, kSame},
      {"empty batch", {0, 5, 4, 3}, {3, 3, 7, 3}, {10, 8}, {2, 2}, {1, 1}, kSame},
  };
  for (const TransposeRow& row : table) {
    const ops::ConvTranspose op{row.strides, row.dilations, row.padding};
    const std::int64_t outputs = row.w[row.w.rank() - 2];
    rows.push_back({std::string("conv_transpose ") + row.name,
                    op,
                    {x(row.x), weight(row.w), ints(row.spatial)},
                    kFloats,
                    Accuracy::sum});
    rows.push_back({std::string("conv_transpose bias ") + row.name,
                    op,
                    {x(row.x), weight(row.w), ints(row.spatial), weight({outputs})},
                    kFloats,
                    Accuracy::sum});
  }
}

void add_pool(Rows& rows) {
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    const std::string name = kind == PoolKind::max ? "pool max " : "pool average ";
    const auto add = [&](const char* suffix, Shape shape, Ints window, Ints strides,
                         Padding padding) {
      rows.push_back({name + suffix,
                      ops::Pool{kind, window, strides, padding},
                      {x(shape, -2, -1)},
                      kFloats,
                      kind == PoolKind::max ? Accuracy::exact : Accuracy::sum});
    };
    add("1d", {2, 19, 5}, {2}, {2}, kValid);
    add("1d same", {2, 19, 5}, {3}, {2}, kSame);
    add("2d", {2, 8, 6, 17}, {2, 2}, {2, 2}, kValid);
    add("2d same", {2, 9, 7, 5}, {3, 2}, {2, 2}, kSame);
    add("2d overlapping", {1, 9, 7, 16}, {3, 3}, {1, 2}, kSame);
    add("2d gaps", {2, 9, 7, 3}, {2, 2}, {3, 3}, kSame);
    add("2d explicit", {2, 7, 6, 3}, {3, 3}, {2, 2}, {PaddingKind::explicit_, {1, 1}, {1, 0}});
    add("2d global", {2, 7, 6, 9}, {7, 6}, {1, 1}, kValid);
    add("3d", {2, 5, 4, 6, 3}, {2, 2, 2}, {2, 2, 2}, kSame);
    add("empty", {0, 8, 6, 3}, {2, 2}, {2, 2}, kValid);
    rows.push_back({name + "special",
                    ops::Pool{kind, {2, 2}, {1, 1}, kSame},
                    {special({2, 5, 4, 3})},
                    {DType::float32, DType::float64},
                    kind == PoolKind::max ? Accuracy::exact : Accuracy::sum});
  }
}

void add_weighted_resize(Rows& rows) {
  const auto add = [&](const std::string& name, const ops::Resize& op) {
    for (const Ints& size : {Ints{10, 14}, {3, 4}, {7, 23}, {1, 1}}) {
      rows.push_back(
          {"resize " + name + " " + std::to_string(size[0]) + "x" + std::to_string(size[1]),
           op,
           {x({2, 5, 7, 3}), ints(size)},
           kFloats,
           Accuracy::rounded});
    }
  };
  add("bicubic", {ResizeMethod::bicubic});
  add("bicubic align", {ResizeMethod::bicubic, true});
  add("bicubic half", {ResizeMethod::bicubic, false, true});
  add("area", {ResizeMethod::area});
  add("area align", {ResizeMethod::area, true});
  const std::vector<std::pair<const char*, ResizeMethod>> kernels = {
      {"lanczos1", ResizeMethod::lanczos1},
      {"lanczos3", ResizeMethod::lanczos3},
      {"lanczos5", ResizeMethod::lanczos5},
      {"gaussian", ResizeMethod::gaussian},
      {"box", ResizeMethod::box},
      {"triangle", ResizeMethod::triangle},
      {"keys cubic", ResizeMethod::keys_cubic},
      {"mitchell cubic", ResizeMethod::mitchell_cubic}};
  for (const auto& [name, method] : kernels) {
    add(name, {method});
    add(std::string(name) + " antialias", {method, false, false, true});
    rows.push_back({std::string("resize placed ") + name,
                    ops::Resize{method},
                    {x({2, 5, 7, 3}), ints({4, 6}), typed(given({2}, {0.55, 1.7}), DType::float32),
                     typed(given({2}, {-1.25, 0.5}), DType::float32)},
                    kFloats,
                    Accuracy::rounded});
  }
}

void add_resize(Rows& rows) {
  for (const ResizeMethod method : {ResizeMethod::nearest, ResizeMethod::bilinear}) {
    for (const auto& [align, half] : {std::pair{false, false}, {true, false}, {false, true}}) {
      for (const Ints& size : {Ints{10, 14}, {3, 4}, {7, 23}, {1, 1}, {5, 7}}) {
        const bool nearest = method == ResizeMethod::nearest;
        const std::string name = std::string("resize ") + (nearest ? "nearest" : "bilinear") +
                                 (align ? " align" : "") + (half ? " half" : "") + " " +
                                 std::to_string(size[0]) + "x" + std::to_string(size[1]);
        rows.push_back({name,
                        ops::Resize{method, align, half},
                        {x({2, 5, 7, 3}), ints(size)},
                        nearest ? kReals : kFloats,
                        nearest ? Accuracy::exact : Accuracy::rounded});
      }
    }
  }
  add_weighted_resize(rows);
  rows.push_back({"resize empty batch", ops::Resize{}, {x({0, 5, 7, 3}), ints({2, 2})}, kFloats});
}

void add_blocks(Rows& rows) {
  const auto matrix = [](std::vector<std::int64_t> values) {
    OperandCase operand = ints(values);
    operand.shape = {static_cast<std::int64_t>(values.size()) / 2, 2};
    return operand;
  };
  rows.push_back({"space_to_batch 2d",
                  ops::SpaceToBatch{},
                  {x({2, 5, 4, 3}), ints({2, 3}), matrix({1, 2, 0, 5})},
                  kAll});
  rows.push_back(
      {"space_to_batch 1d", ops::SpaceToBatch{}, {x({3, 6, 5}), ints({3}), matrix({0, 0})}, kAll});
  rows.push_back({"space_to_batch wide padding",
                  ops::SpaceToBatch{},
                  {x({1, 2, 3}), ints({2}), matrix({5, 3})},
                  kAll});
  rows.push_back({"batch_to_space 2d",
                  ops::BatchToSpace{},
                  {x({12, 4, 3, 3}), ints({2, 3}), matrix({1, 2, 0, 5})},
                  kAll});
  rows.push_back(
      {"batch_to_space 1d", ops::BatchToSpace{}, {x({9, 2, 5}), ints({3}), matrix({0, 0})}, kAll});
  rows.push_back({"batch_to_space empty",
                  ops::BatchToSpace{},
                  {x({0, 2, 5}), ints({3}), matrix({0, 0})},
                  kAll});
}

}  // namespace

Rows window_rows() {
  Rows rows;
  add_conv(rows);
  add_conv_activations(rows);
  add_conv_transpose(rows);
  add_pool(rows);
  add_resize(rows);
  add_blocks(rows);
  return rows;
}

}  // namespace thaw::test
