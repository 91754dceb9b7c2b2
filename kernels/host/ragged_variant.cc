// Ragged tensors packed into single elements, which lists and loops carry. An element is a string:
// the number of levels of row splits; of each level its length and splits; the values' type, rank
// and dimensions; their bytes, or for texts each length and its bytes. Integers have 64 bits.
#include <algorithm>
#include <cstring>

#include "kernels/host/by_type.h"
#include "kernels/host/ragged.h"

namespace thaw::host {
namespace {

using Ints = std::vector<std::int64_t>;

/// One packed tensor: row splits from the outermost level on, and values.
struct Packed {
  std::vector<Ints> splits;
  Tensor values;

  std::int64_t rows() const {
    if (!splits.empty()) return static_cast<std::int64_t>(splits[0].size()) - 1;
    if (values.shape().rank() == 0) invalid("a scalar has no rows");
    return values.shape()[0];
  }
};

void put_int64(std::string& out, std::int64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_values(std::string& out, const Tensor& values, std::int64_t begin, std::int64_t count) {
  if (values.dtype() == DType::string) {
    for (std::int64_t i = begin; i < begin + count; ++i) {
      put_int64(out, static_cast<std::int64_t>(strings_of(values)[i].size()));
      out += strings_of(values)[i];
    }
    return;
  }
  const auto width = static_cast<std::int64_t>(size_of(values.dtype()));
  out.append(static_cast<const char*>(values.data()) + begin * width,
             static_cast<std::size_t>(count * width));
}

/// Rows [from, to) of the values, or as they are.
std::string pack_ragged(const std::vector<Ints>& splits, const Tensor& values, const Ints& dims,
                        std::int64_t first_row) {
  std::string out;
  put_int64(out, static_cast<std::int64_t>(splits.size()));
  for (const Ints& level : splits) {
    put_int64(out, static_cast<std::int64_t>(level.size()));
    for (const std::int64_t split : level) put_int64(out, split);
  }
  put_int64(out, static_cast<std::int64_t>(values.dtype()));
  put_int64(out, static_cast<std::int64_t>(dims.size()));
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    put_int64(out, dim);
    count *= dim;
  }
  const std::int64_t row =
      values.shape().rank() == 0 ? 1 : product(values.shape(), 1, values.shape().rank());
  put_values(out, values, first_row * row, count);
  return out;
}

/// Reads an element; every length is checked against what is there.
class PackedReader {
 public:
  explicit PackedReader(const std::string& bytes) : bytes_(bytes) {}

  Packed read(DType dtype) {
    Packed packed;
    const std::int64_t levels = number();
    if (levels < 0 || levels > std::int64_t{kMostLevels}) damaged();
    for (std::int64_t level = 0; level < levels; ++level) {
      packed.splits.emplace_back(numbers());
      if (packed.splits.back().empty()) damaged();
    }
    if (number() != static_cast<std::int64_t>(dtype)) {
      invalid("Expected row_splits and values of {} in the variant", name_of(dtype));
    }
    const Ints dims = numbers();
    if (dims.size() > std::size_t{kMostLevels}) damaged();
    packed.values = values(dtype, dims);
    if (at_ != bytes_.size()) damaged();
    check(packed);
    return packed;
  }

 private:
  static constexpr int kMostLevels = 32;

  [[noreturn]] static void damaged() { invalid("no packed ragged tensor"); }

  std::size_t left() const { return bytes_.size() - at_; }

  std::int64_t number() {
    std::int64_t value = 0;
    if (left() < sizeof value) damaged();
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  Ints numbers() {
    const std::int64_t count = number();
    if (count < 0 || static_cast<std::uint64_t>(count) > left() / sizeof(std::int64_t)) damaged();
    Ints all(static_cast<std::size_t>(count));
    for (std::int64_t& value : all) value = number();
    return all;
  }

  Tensor values(DType dtype, const Ints& dims) {
    std::uint64_t count = 1;
    const std::size_t width = dtype == DType::string ? sizeof(std::int64_t) : size_of(dtype);
    for (const std::int64_t dim : dims) {
      if (dim < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(dim), &count)) {
        damaged();
      }
    }
    if (count > left() / width) damaged();
    Tensor tensor = allocate(dtype, dims);
    if (dtype != DType::string) {
      if (count > 0) std::memcpy(tensor.mutable_data(), bytes_.data() + at_, count * width);
      at_ += count * width;
      return tensor;
    }
    auto* to = tensor.mutable_data<std::string>();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::int64_t length = number();
      if (length < 0 || static_cast<std::uint64_t>(length) > left()) damaged();
      to[i] = bytes_.substr(at_, static_cast<std::size_t>(length));
      at_ += static_cast<std::size_t>(length);
    }
    return tensor;
  }

  // Each level ends at the rows of the one below.
  static void check(const Packed& packed) {
    for (std::size_t i = 0; i < packed.splits.size(); ++i) {
      const Ints& level = packed.splits[i];
      std::int64_t below = 0;
      if (i + 1 < packed.splits.size()) {
        below = static_cast<std::int64_t>(packed.splits[i + 1].size()) - 1;
      } else {
        if (packed.values.shape().rank() == 0) damaged();
        below = packed.values.shape()[0];
      }
      if (level.front() != 0 || level.back() != below || !std::ranges::is_sorted(level)) damaged();
    }
  }

  const std::string& bytes_;
  std::size_t at_ = 0;
};

/// Copies values of several elements one behind the other.
Tensor join_values(const std::vector<Packed>& parts, DType dtype) {
  if (parts.empty()) return Tensor(dtype, Shape{0});
  Ints dims = parts[0].values.shape().dims();
  if (dims.empty()) invalid("scalars do not join");
  dims[0] = 0;
  for (const Packed& part : parts) {
    Ints own = part.values.shape().dims();
    if (own.size() != dims.size() || !std::equal(own.begin() + 1, own.end(), dims.begin() + 1)) {
      invalid("All flat_values must have compatible shapes, found {} and {}",
              parts[0].values.shape().to_string(), part.values.shape().to_string());
    }
    dims[0] += own[0];
  }
  Tensor joined = allocate(dtype, dims);
  std::int64_t at = 0;
  for (const Packed& part : parts) {
    copy_elements(part.values, 0, joined, at, part.values.num_elements());
    at += part.values.num_elements();
  }
  return joined;
}

Tensor splits_vector(const Ints& splits, DType dtype) {
  return integer_tensor(dtype, {static_cast<std::int64_t>(splits.size())}, splits);
}

/// Splits of the dimensions that the elements lie in, then those of all elements joined.
std::vector<Ints> join_splits(const std::vector<Packed>& parts, const Shape& shape,
                              std::size_t levels) {
  std::vector<Ints> joined;
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) {
    rows *= shape[axis];
    Ints uniform{0};
    for (std::int64_t i = 0; i < rows; ++i) uniform.push_back(uniform.back() + shape[axis + 1]);
    joined.push_back(std::move(uniform));
  }
  Ints outer{0};
  for (const Packed& part : parts) outer.push_back(outer.back() + part.rows());
  joined.push_back(std::move(outer));
  for (std::size_t level = 0; level < levels; ++level) {
    Ints all{0};
    for (const Packed& part : parts) {
      const std::int64_t base = all.back();
      const Ints& own = part.splits[level];
      for (std::size_t i = 1; i < own.size(); ++i) all.push_back(base + own[i]);
    }
    joined.push_back(std::move(all));
  }
  return joined;
}

}  // namespace

// (splits..., values) -> (packed): a scalar, or with `batched` one for each row.
std::vector<Tensor> ragged_to_variant(const HostArgs& args) {
  std::vector<Ints> splits;
  for (std::size_t i = 0; i + 1 < args.in.size(); ++i) splits.push_back(integers(args.in[i]));
  const Tensor& values = args.in.back();
  if (values.shape().rank() == 0 && (!splits.empty() || args.call.attributes.flag("batched"))) {
    invalid("rt_dense_values: expected at least one dimension");
  }
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (splits[i].empty()) invalid("row splits without an element");
    const std::int64_t below = i + 1 < splits.size()
                                   ? static_cast<std::int64_t>(splits[i + 1].size()) - 1
                                   : values.shape()[0];
    check_splits(args.in[i], below);
  }
  if (!args.call.attributes.flag("batched")) {
    Tensor scalar(DType::string, Shape{});
    scalar.mutable_data<std::string>()[0] = pack_ragged(splits, values, values.shape().dims(), 0);
    return {std::move(scalar)};
  }
  const std::int64_t rows =
      splits.empty() ? values.shape()[0] : static_cast<std::int64_t>(splits[0].size()) - 1;
  Tensor packed(DType::string, Shape{rows});
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<Ints> own;
    std::int64_t begin = row, end = row + 1;
    for (std::size_t level = 0; level < splits.size(); ++level) {
      if (level > 0) {
        own.emplace_back(splits[level].begin() + begin, splits[level].begin() + end + 1);
        for (std::int64_t& split : own.back())
          split -= splits[level][static_cast<std::size_t>(begin)];
      }
      begin = splits[level][static_cast<std::size_t>(begin)];
      end = splits[level][static_cast<std::size_t>(end)];
    }
    Ints dims = values.shape().dims();
    if (splits.empty()) {
      dims.erase(dims.begin());
    } else {
      dims[0] = end - begin;
    }
    packed.mutable_data<std::string>()[row] = pack_ragged(own, values, dims, begin);
  }
  return {std::move(packed)};
}

// (packed) -> (splits..., values): one more level for each dimension that the elements lie in.
std::vector<Tensor> ragged_from_variant(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const DType dtype = attributes.dtype("dtype"), splits = attributes.dtype("splits");
  const Tensor& packed = args.in[0];
  const std::int64_t levels = attributes.integer("levels");
  std::int64_t inner = attributes.integer("inner_levels");
  if (inner < 0) inner = levels - packed.shape().rank();
  if (inner < 0 || inner + packed.shape().rank() != levels) {
    invalid(
        "output_ragged_rank must be equal to input_ragged_rank + encoded_ragged.dims(); "
        "output_ragged_rank: {}, encoded_ragged of shape {}",
        levels, packed.shape().to_string());
  }
  std::vector<Packed> parts;
  for (std::int64_t i = 0; i < packed.num_elements(); ++i) {
    parts.push_back(PackedReader(strings_of(packed)[i]).read(dtype));
    if (static_cast<std::int64_t>(parts.back().splits.size()) != inner) {
      invalid("Expected a ragged tensor of {} levels, found {}", inner, parts.back().splits.size());
    }
  }
  const bool scalar = packed.shape().rank() == 0;
  const std::vector<Ints> joined =
      scalar ? parts.at(0).splits
             : join_splits(parts, packed.shape(), static_cast<std::size_t>(inner));
  std::vector<Tensor> results;
  for (const Ints& level : joined) results.push_back(splits_vector(level, splits));
  results.push_back(scalar ? parts[0].values : join_values(parts, dtype));
  return results;
}

}  // namespace thaw::host
