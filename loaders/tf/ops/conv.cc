// Convolutions and pooling. Channels-first images are transposed on the way in and out.
#include <algorithm>

#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

// The two orders in which TensorFlow writes the attributes of a window.
struct Layout {
  int spatial = 2;
  bool channels_first = false;

  int rank() const { return spatial + 2; }
  int channel() const { return channels_first ? 1 : spatial + 1; }
  int first_spatial() const { return channels_first ? 2 : 1; }
};

Layout layout_of(OpContext& c, int spatial) {
  const int format = c.one_of("data_format", {"NHWC", "NDHWC", "NCHW", "NCDHW"});
  if ((format % 2 == 1) != (spatial == 3)) {
    fail(ErrorCode::invalid_argument, "data_format for {} spatial dimensions", spatial);
  }
  return {spatial, format >= 2};
}

ValueId to_last(OpContext& c, ValueId x, const Layout& layout) {
  if (!layout.channels_first) return x;
  Ints permutation{0};
  for (int i = 0; i < layout.spatial; ++i) permutation.push_back(2 + i);
  permutation.push_back(1);
  return c.g.transpose(x, permutation);
}

ValueId from_last(OpContext& c, ValueId x, const Layout& layout) {
  if (!layout.channels_first) return x;
  Ints permutation{0, layout.spatial + 1};
  for (int i = 0; i < layout.spatial; ++i) permutation.push_back(1 + i);
  return c.g.transpose(x, permutation);
}

// The spatial entries of an attribute with one entry per axis; batch and channels must be 1.
Ints spatial_entries(const std::string& what, const Ints& all, const Layout& layout) {
  if (static_cast<int>(all.size()) != layout.rank()) {
    fail(ErrorCode::invalid_argument, "{} has {} entries, expected {}", what, all.size(),
         layout.rank());
  }
  if (all[0] != 1 || all[static_cast<std::size_t>(layout.channel())] != 1) {
    throw Refusal(
        fmt::format("{}=[{}]: windows over batch or channels", what, fmt::join(all, ", ")));
  }
  Ints entries(all.begin() + layout.first_spatial(),
               all.begin() + layout.first_spatial() + layout.spatial);
  for (std::int64_t entry : entries) {
    if (entry < 1) fail(ErrorCode::invalid_argument, "{} has entry {}", what, entry);
  }
  return entries;
}

Ints attribute_entries(OpContext& c, const char* attr, const Layout& layout) {
  return spatial_entries(fmt::format("attribute {}", attr), c.node.integers(attr), layout);
}

Padding padding_of(OpContext& c, const Layout& layout) {
  constexpr PaddingKind kinds[] = {PaddingKind::valid, PaddingKind::same, PaddingKind::explicit_};
  Padding padding;
  padding.kind = kinds[c.one_of("padding", {"VALID", "SAME", "EXPLICIT"})];
  if (padding.kind != PaddingKind::explicit_) return padding;
  const Ints all = c.node.integers("explicit_paddings");
  if (static_cast<int>(all.size()) != 2 * layout.rank()) {
    fail(ErrorCode::invalid_argument, "explicit_paddings has {} entries, expected {}", all.size(),
         2 * layout.rank());
  }
  for (int axis = 0; axis < layout.rank(); ++axis) {
    const std::int64_t before = all[static_cast<std::size_t>(2 * axis)];
    const std::int64_t after = all[static_cast<std::size_t>(2 * axis + 1)];
    if (before < 0 || after < 0) fail(ErrorCode::invalid_argument, "negative explicit_paddings");
    if (axis == 0 || axis == layout.channel()) {
      if (before != 0 || after != 0) c.refuse("explicit_paddings of batch or channels");
    } else {
      padding.before.push_back(before);
      padding.after.push_back(after);
    }
  }
  return padding;
}

// Groups follow from the channels that the image and the filter have.
std::int64_t groups_of(OpContext& c, ValueId x, ValueId filter) {
  const Shape &image = c.g.shape(x), &weights = c.g.shape(filter);
  if (!image.has_rank() || !weights.has_rank() || weights.rank() < 2 || image.rank() < 2) return 1;
  const std::int64_t channels = image[image.rank() - 1], each = weights[weights.rank() - 2];
  if (channels < 0 || each < 0) return 1;
  if (each == 0 || channels % each != 0) {
    fail(ErrorCode::invalid_argument, "image {} has {} channels, the filter {} takes {}",
         image.to_string(), channels, weights.to_string(), each);
  }
  return channels / each;
}

}  // namespace

// kind: spatial dimensions
Results conv(OpContext& c) {
  c.expect_count(2);
  const Layout layout = layout_of(c, c.kind);
  const ValueId x = to_last(c, c.in(0), layout);
  ops::Conv op;
  op.strides = attribute_entries(c, "strides", layout);
  op.dilations = attribute_entries(c, "dilations", layout);
  op.padding = padding_of(c, layout);
  op.groups = groups_of(c, x, c.in(1));
  return {from_last(c, c.g.add1(op, {x, c.in(1)}), layout)};
}

// The op Conv of any rank has its own names for the layouts.
Results conv_any(OpContext& c) {
  c.expect_count(2);
  if (c.node.integer("batch_dims") != 1) c.refuse("attribute batch_dims other than 1");
  const int spatial = c.rank(1) - 2;
  const Layout layout{spatial, c.one_of("data_format", {"CHANNELS_LAST", "CHANNELS_FIRST"}) == 1};
  const ValueId x = to_last(c, c.in(0), layout);
  ops::Conv op;
  op.strides = attribute_entries(c, "strides", layout);
  Ints dilations = c.node.integers("dilations");
  if (dilations.empty()) dilations.assign(static_cast<std::size_t>(layout.rank()), 1);
  op.dilations = spatial_entries("attribute dilations", dilations, layout);
  op.padding = padding_of(c, layout);
  op.groups = c.node.integer("groups");
  return {from_last(c, c.g.add1(op, {x, c.in(1)}), layout)};
}

// (input_sizes, filter, out_backprop): a transposed convolution.
Results conv_backprop(OpContext& c) {
  c.expect_count(3);
  const Layout layout = layout_of(c, c.kind);
  const ValueId y = to_last(c, c.in(2), layout);
  const std::int64_t first = layout.first_spatial();
  ValueId spatial = c.in(0);
  if (!c.shape(0).has_rank() ||
      c.shape(0)[0] != layout.spatial) {  // else the sizes of the image alone
    spatial = c.g.slice_axis(c.in(0), 0, first, first + layout.spatial);
  }
  if (auto dims = partial_dims(c.g, spatial);
      dims && c.g.constant_of(spatial) == nullptr &&
      std::find(dims->begin(), dims->end(), kUnknownDim) == dims->end()) {
    spatial = c.g.ints(*dims);
  }
  ops::ConvTranspose op;
  op.strides = attribute_entries(c, "strides", layout);
  op.dilations = attribute_entries(c, "dilations", layout);
  op.padding = padding_of(c, layout);
  const Shape &gradient = c.g.shape(y), &filter = c.shape(1);
  if (gradient.has_rank() && filter.has_rank() && gradient.rank() > 0 && filter.rank() > 0) {
    const std::int64_t given = gradient[gradient.rank() - 1], taken = filter[filter.rank() - 1];
    if (given >= 0 && taken >= 0 && given != taken) c.refuse("a transposed convolution in groups");
  }
  return {from_last(c, c.g.add1(op, {y, c.in(1), spatial}), layout)};
}

// The filter [H, W, C, M] makes M results of each channel: a convolution in C groups.
Results depthwise_conv(OpContext& c) {
  c.expect_count(2);
  const Layout layout = layout_of(c, 2);
  const ValueId x = to_last(c, c.in(0), layout);
  const Shape filter = c.shape(1);
  if (!filter.is_static()) c.refuse("a filter of unknown shape");
  if (filter.rank() != 4) fail(ErrorCode::invalid_argument, "filter {}", filter.to_string());
  ops::Conv op;
  op.strides = attribute_entries(c, "strides", layout);
  op.dilations = attribute_entries(c, "dilations", layout);
  op.padding = padding_of(c, layout);
  op.groups = filter[2];
  const Shape flat{filter[2], filter[3]};
  const ValueId w = c.g.reshape(c.in(1), {filter[0], filter[1], 1, flat.num_elements()});
  return {from_last(c, c.g.add1(op, {x, w}), layout)};
}

namespace {

// Maxima of groups of channels: what TensorFlow's CPU kernels take beside windows over an image.
bool is_channel_pool(const Layout& layout, const Ints& window, const Ints& strides) {
  return layout.spatial == 2 && !layout.channels_first && window.size() == 4 &&
         strides.size() == 4 && window[0] == 1 && window[1] == 1 && window[2] == 1 &&
         window[3] > 1 && strides[0] == 1;
}

Results channel_pool(OpContext& c, const Ints& window, const Ints& strides) {
  const std::int64_t group = window[3];
  const ValueId x = of_rank(c, 0, 4);
  const std::int64_t channels = c.g.shape(x)[3];
  if (strides[3] != group || (channels >= 0 && channels % group != 0)) {
    fail(ErrorCode::invalid_argument, "maxima of {} channels of {} at strides of {}", group,
         c.g.shape(x).to_string(), strides[3]);
  }
  const ValueId front = c.g.slice_axis(run_time_dims(c.g, x), 0, 0, 3);
  const ValueId groups =
      c.g.add1(ops::Reshape{}, {x, c.g.concat({front, c.g.ints({-1, group})}, 0)});
  const ValueId y = c.g.reduce(ReduceKind::max, groups, {4}, false);
  const Shape& shape = c.g.shape(x);
  return {refine(c.g, y, {shape[0], shape[1], shape[2], channels < 0 ? -1 : channels / group})};
}

Results pool_windows(OpContext& c, PoolKind kind, const Layout& layout, const Ints& window,
                     const Ints& strides) {
  if (kind == PoolKind::max && is_channel_pool(layout, window, strides)) {
    return channel_pool(c, window, strides);
  }
  ops::Pool op;
  op.kind = kind;
  op.window = spatial_entries("ksize", window, layout);
  op.strides = spatial_entries("strides", strides, layout);
  op.padding = padding_of(c, layout);
  return {from_last(c, c.g.add1(op, {to_last(c, c.in(0), layout)}), layout)};
}

}  // namespace

// kind: 2 and 3 average, 12 and 13 maximum
Results pool(OpContext& c) {
  c.expect_count(1);
  const Layout layout = layout_of(c, c.kind % 10);
  const PoolKind kind = c.kind > 10 ? PoolKind::max : PoolKind::average;
  return pool_windows(c, kind, layout, c.node.integers("ksize"), c.node.integers("strides"));
}

Results pool_v2(OpContext& c) {
  c.expect_count(3);
  return pool_windows(c, PoolKind::max, layout_of(c, 2), c.ints(1, "ksize"), c.ints(2, "strides"));
}

}  // namespace thaw::tf::importers
