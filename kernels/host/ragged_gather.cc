// Ragged gathering, ranges, and the sparse form.
#include <cmath>

#include "kernels/host/ragged.h"

namespace thaw::host {
namespace {

using Ints = std::vector<std::int64_t>;

Tensor splits_tensor(const Ints& splits, DType dtype) {
  Tensor out(dtype, Shape{static_cast<std::int64_t>(splits.size())});
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (dtype == DType::int32 && splits[i] > INT32_MAX) {
      fail(ErrorCode::invalid_argument, "a row split of {} does not fit int32", splits[i]);
    }
    set_index(out, static_cast<std::int64_t>(i), splits[i]);
  }
  return out;
}

// Splits of each level must end at the number of rows of the next one, the last at the values'.
void check_nested_splits(std::span<const Tensor> splits, std::int64_t values) {
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (splits[i].shape().rank() != 1 || splits[i].num_elements() == 0) {
      fail(ErrorCode::invalid_argument, "row splits {}: expected a vector, found {}", i,
           splits[i].shape().to_string());
    }
    const std::int64_t below = i + 1 < splits.size() ? splits[i + 1].num_elements() - 1 : values;
    if (index_at(splits[i], 0) != 0)
      fail(ErrorCode::invalid_argument, "Ragged splits must start with 0.");
    for (std::int64_t k = 1; k < splits[i].num_elements(); ++k) {
      if (index_at(splits[i], k) < index_at(splits[i], k - 1)) {
        fail(ErrorCode::invalid_argument, "Ragged splits must be sorted.");
      }
    }
    if (index_at(splits[i], splits[i].num_elements() - 1) != below) {
      fail(ErrorCode::invalid_argument,
           "Final value of ragged splits must match the length the corresponding ragged values.");
    }
  }
}

// Row ranges of one level.
using Slices = std::vector<std::pair<std::int64_t, std::int64_t>>;

template <class T>
std::int64_t range_size(T start, T limit, T delta) {
  if (delta == 0) fail(ErrorCode::invalid_argument, "Requires delta != 0");
  if ((delta > 0 && start >= limit) || (delta < 0 && start <= limit)) return 0;
  if constexpr (std::is_integral_v<T>) {
    // The distance of any two 64-bit integers fits without a sign.
    const std::uint64_t high = static_cast<std::uint64_t>(delta > 0 ? limit : start);
    const std::uint64_t low = static_cast<std::uint64_t>(delta > 0 ? start : limit);
    const std::uint64_t step = delta > 0 ? static_cast<std::uint64_t>(delta)
                                         : std::uint64_t{0} - static_cast<std::uint64_t>(delta);
    const std::uint64_t distance = high - low;
    const std::uint64_t count = distance / step + (distance % step != 0 ? 1 : 0);
    return count > static_cast<std::uint64_t>(kMaxElements) ? kMaxElements + 1
                                                            : static_cast<std::int64_t>(count);
  } else {
    const T count = std::ceil(std::abs((limit - start) / delta));
    if (!(count <= static_cast<T>(kMaxElements))) return kMaxElements + 1;
    return static_cast<std::int64_t>(count);
  }
}

template <class T>
Results ranges(const HostArgs& args) {
  std::int64_t rows = 1;
  for (const Tensor& in : args.in) {
    if (in.shape().rank() == 0) continue;
    if (rows != 1 && in.num_elements() != rows) {
      fail(ErrorCode::invalid_argument, "starts, limits, and deltas must have the same shape");
    }
    rows = in.num_elements();
  }
  for (const Tensor& in : args.in) {
    if (in.shape().rank() == 1 && in.num_elements() != rows) {
      fail(ErrorCode::invalid_argument, "starts, limits, and deltas must have the same shape");
    }
  }
  const auto at = [&](std::size_t i, std::int64_t row) {
    return args.in[i].template data<T>()[args.in[i].shape().rank() == 0 ? 0 : row];
  };
  Ints splits{0};
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t size = range_size<T>(at(0, row), at(1, row), at(2, row));
    splits.push_back(splits.back() + size);
    if (splits.back() > kMaxElements) {
      fail(ErrorCode::resource_exhausted, "ranges of more than {} elements", kMaxElements);
    }
  }
  Tensor values(Tensor::dtype_of<T>(), Shape{splits.back()});
  T* out = values.mutable_data<T>();
  for (std::int64_t row = 0; row < rows; ++row) {
    T value = at(0, row);
    const std::int64_t end = splits[static_cast<std::size_t>(row) + 1];
    for (std::int64_t i = splits[static_cast<std::size_t>(row)]; i < end; ++i) {
      out[i] = value;
      if (i + 1 < end) value = static_cast<T>(value + at(2, row));
    }
  }
  return {splits_tensor(splits, args.out[0].dtype), values};
}

}  // namespace

// (splits..., dense values, indices) -> (splits..., dense values): as many splits as the rank of
// the indices and the levels of the parameters have.
Results ragged_gather(const HostArgs& args) {
  const std::span<const Tensor> nested = args.in.first(args.in.size() - 2);
  const Tensor &values = args.in[nested.size()], &indices = args.in[nested.size() + 1];
  check_nested_splits(nested, values.shape()[0]);
  const std::int64_t rows = nested[0].num_elements() - 1;
  std::vector<Ints> out_splits;
  // The indices' own inner dimensions become levels of equal rows.
  std::int64_t outer = 1;
  for (int axis = 0; axis + 1 < indices.shape().rank(); ++axis) {
    outer *= indices.shape()[axis];
    Ints splits;
    for (std::int64_t i = 0; i <= outer; ++i) splits.push_back(i * indices.shape()[axis + 1]);
    out_splits.push_back(std::move(splits));
  }
  Slices slices;
  for (std::int64_t i = 0; i < indices.num_elements(); ++i) {
    const std::int64_t index = index_at(indices, i);
    if (index < 0 || index >= rows) {
      fail(ErrorCode::invalid_argument, "indices[{}] = {} is not in [0, {})", i, index, rows);
    }
    slices.emplace_back(index, index + 1);
  }
  std::int64_t total = 0;
  for (std::size_t level = 0; level < nested.size(); ++level) {
    Ints splits{0};
    total = 0;
    for (auto& [begin, end] : slices) {
      for (std::int64_t row = begin; row < end; ++row) {
        total += index_at(nested[level], row + 1) - index_at(nested[level], row);
        splits.push_back(total);
      }
      begin = index_at(nested[level], begin);
      end = index_at(nested[level], end);
    }
    if (total > kMaxElements) fail(ErrorCode::resource_exhausted, "gathers {} elements", total);
    // A single index takes its row out of the ragged dimension.
    if (level > 0 || indices.shape().rank() > 0) out_splits.push_back(std::move(splits));
  }
  std::vector<std::int64_t> dims = values.shape().dims();
  const std::int64_t row_size = dims[0] == 0 ? 0 : values.num_elements() / dims[0];
  dims[0] = total;
  Tensor out(values.dtype(), Shape(dims));
  std::int64_t at = 0;
  for (const auto& [begin, end] : slices) {
    copy_elements(values, begin * row_size, out, at, (end - begin) * row_size);
    at += (end - begin) * row_size;
  }
  Results results;
  for (const Ints& splits : out_splits) results.push_back(splits_tensor(splits, nested[0].dtype()));
  results.push_back(out);
  return results;
}

// (starts, limits, deltas) -> (splits, values)
Results ragged_range(const HostArgs& args) {
  switch (args.in[0].dtype()) {
    case DType::int32: return ranges<std::int32_t>(args);
    case DType::int64: return ranges<std::int64_t>(args);
    case DType::float32: return ranges<float>(args);
    case DType::float64: return ranges<double>(args);
    default: fail(ErrorCode::unimplemented, "ragged ranges of {}", name_of(args.in[0].dtype()));
  }
}

// (splits..., dense values) -> (indices, values, dense shape)
Results ragged_to_sparse(const HostArgs& args) {
  const std::span<const Tensor> nested = args.in.first(args.in.size() - 1);
  const Tensor& values = args.in[nested.size()];
  check_nested_splits(nested, values.shape()[0]);
  const std::size_t depth = nested.size();
  const int inner = values.shape().rank() - 1;
  const auto rank = static_cast<std::int64_t>(depth) + 1 + inner;
  Tensor indices(DType::int64, Shape{values.num_elements(), rank});
  auto* index = indices.mutable_data<std::int64_t>();
  const std::int64_t count = values.shape()[0];
  const std::int64_t size = count == 0 ? 0 : values.num_elements() / count;
  Ints row(depth, 0);  // per level: the row that holds the element
  for (std::int64_t i = 0; i < count; ++i) {
    Ints position(depth + 1);
    std::int64_t child = i;
    for (std::size_t level = depth; level-- > 0;) {
      while (index_at(nested[level], row[level] + 1) <= child) ++row[level];
      position[level + 1] = child - index_at(nested[level], row[level]);
      child = row[level];
    }
    position[0] = child;
    for (std::int64_t k = 0; k < size; ++k) {
      for (const std::int64_t p : position) *index++ = p;
      std::int64_t rest = k, stride = size;
      for (int axis = 1; axis <= inner; ++axis) {
        stride /= values.shape()[axis];
        *index++ = rest / stride;
        rest %= stride;
      }
    }
  }
  Ints shape{nested[0].num_elements() - 1};
  for (const Tensor& splits : nested) {
    std::int64_t widest = 0;
    for (std::int64_t i = 1; i < splits.num_elements(); ++i) {
      widest = std::max(widest, index_at(splits, i) - index_at(splits, i - 1));
    }
    shape.push_back(widest);
  }
  for (int axis = 1; axis <= inner; ++axis) shape.push_back(values.shape()[axis]);
  return {indices, values.reshaped(Shape{values.num_elements()}), Tensor::from(Shape{rank}, shape)};
}

}  // namespace thaw::host
