// Blocks of an image moved to its channels and back.
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

/// A tensor's size along some axes times a number, or divided by it, as part of a shape: [1] int64.
struct BlockDims {
  GraphBuilder& g;
  ValueId x;

  ValueId is(std::int64_t axis) const {
    return g.slice_axis(g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x}), 0, axis,
                        axis + 1);
  }
  ValueId times(std::int64_t axis, std::int64_t n) const {
    return g.binary(BinaryKind::mul, is(axis), g.ints({n}));
  }
  ValueId over(std::int64_t axis, std::int64_t n) const {
    return g.binary(BinaryKind::truncate_div, is(axis), g.ints({n}));
  }
};

std::int64_t known_times(std::int64_t dim, std::int64_t n) {
  return dim == kUnknownDim ? dim : dim * n;
}
std::int64_t known_over(std::int64_t dim, std::int64_t n) {
  return dim == kUnknownDim ? dim : dim / n;
}

// The image with its channels last, and the size of a block.
struct BlockImage {
  ValueId x;
  Shape shape;
  std::int64_t block;
  bool channels_first;

  bool has_known_size() const { return shape[1] >= 0 && shape[2] >= 0 && shape[3] >= 0; }
};

BlockImage block_image(OpContext& c) {
  c.expect_count(1);
  BlockImage image;
  image.channels_first = c.one_of("data_format", {"NHWC", "NCHW"}) == 1;
  image.block = c.node.integer("block_size");
  if (image.block < 2 || image.block > 1 << 15) {
    fail(ErrorCode::invalid_argument, "block_size: expected at least 2, found {}", image.block);
  }
  const ValueId x = of_rank(c, 0, 4);
  image.x = image.channels_first ? c.g.transpose(x, {0, 2, 3, 1}) : x;
  image.shape = c.g.shape(image.x);
  return image;
}

Results block_result(OpContext& c, const BlockImage& image, ValueId y, const Ints& dims) {
  refine(c.g, y, dims);
  return {image.channels_first ? c.g.transpose(y, {0, 3, 1, 2}) : y};
}

// The sizes that are computed multiply to no more than what the image has: the reshape checks it.
ValueId blocks_apart(GraphBuilder& g, ValueId x, const std::vector<ValueId>& dims) {
  const ValueId blocks = g.add1(ops::Reshape{}, {x, g.concat(dims, 0)});
  return g.transpose(blocks, {0, 1, 3, 2, 4, 5});
}

}  // namespace

// [N, H, W, C] -> [N, H / b, W / b, b b C]
Results space_to_depth(OpContext& c) {
  const BlockImage image = block_image(c);
  const std::int64_t b = image.block;
  const Shape& s = image.shape;
  if ((s[1] >= 0 && s[1] % b != 0) || (s[2] >= 0 && s[2] % b != 0)) {
    fail(ErrorCode::invalid_argument, "block_size {} does not divide {}", b, s.to_string());
  }
  const Ints dims{s[0], known_over(s[1], b), known_over(s[2], b), known_times(s[3], b * b)};
  if (image.has_known_size()) {
    constexpr auto batch = GraphBuilder::dim_of(0);
    ValueId y = c.g.reshape(image.x, {batch, s[1] / b, b, s[2] / b, b, s[3]});
    y = c.g.transpose(y, {0, 1, 3, 2, 4, 5});
    return block_result(c, image, c.g.reshape(y, {batch, dims[1], dims[2], dims[3]}), dims);
  }
  const BlockDims of{c.g, image.x};
  const ValueId block = c.g.ints({b});
  const ValueId y =
      blocks_apart(c.g, image.x, {of.is(0), of.over(1, b), block, of.over(2, b), block, of.is(3)});
  const std::vector<ValueId> joined{of.is(0), of.over(1, b), of.over(2, b), of.times(3, b * b)};
  return block_result(c, image, c.g.add1(ops::Reshape{}, {y, c.g.concat(joined, 0)}), dims);
}

// [N, H, W, b b C] -> [N, b H, b W, C]
Results depth_to_space(OpContext& c) {
  const BlockImage image = block_image(c);
  const std::int64_t b = image.block;
  const Shape& s = image.shape;
  if (s[3] >= 0 && s[3] % (b * b) != 0) {
    fail(ErrorCode::invalid_argument, "block_size {} does not divide the channels of {}", b,
         s.to_string());
  }
  const Ints dims{s[0], known_times(s[1], b), known_times(s[2], b), known_over(s[3], b * b)};
  if (image.has_known_size()) {
    constexpr auto batch = GraphBuilder::dim_of(0);
    ValueId y = c.g.reshape(image.x, {batch, s[1], s[2], b, b, dims[3]});
    y = c.g.transpose(y, {0, 1, 3, 2, 4, 5});
    return block_result(c, image, c.g.reshape(y, {batch, dims[1], dims[2], dims[3]}), dims);
  }
  const BlockDims of{c.g, image.x};
  const ValueId block = c.g.ints({b});
  const ValueId y =
      blocks_apart(c.g, image.x, {of.is(0), of.is(1), of.is(2), block, block, of.over(3, b * b)});
  const std::vector<ValueId> joined{of.is(0), of.times(1, b), of.times(2, b), of.over(3, b * b)};
  return block_result(c, image, c.g.add1(ops::Reshape{}, {y, c.g.concat(joined, 0)}), dims);
}

}  // namespace thaw::tf::importers
