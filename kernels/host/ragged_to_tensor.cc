// A ragged tensor made dense.
#include <algorithm>

#include "kernels/host/ragged.h"

namespace thaw::host {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kMaxRows = std::int64_t{1} << 28;  // of an inner level
constexpr std::int64_t kLeftOut = -1;

enum class Partition { row_splits, value_rowids };

struct Level {
  Partition kind;
  const Tensor* tensor;
  std::int64_t size() const { return tensor->num_elements(); }
  std::int64_t at(std::int64_t i) const { return index_at(*tensor, i); }
};

struct Ragged {
  std::int64_t rows = 0;
  std::vector<Level> levels;
};

Ragged read_partitions(const HostArgs& args) {
  const std::vector<std::string>& kinds = args.call.attributes.texts("row_partition_types");
  Ragged ragged;
  std::size_t first = 0;
  if (kinds[0] == "FIRST_DIM_SIZE") {
    if (args.in[3].num_elements() != 1) {
      fail(ErrorCode::invalid_argument,
           "Invalid first partition input. Tensor requires one element.");
    }
    ragged.rows = index_at(args.in[3], 0);
    first = 1;
  } else if (kinds[0] != "ROW_SPLITS") {
    fail(ErrorCode::invalid_argument, "Cannot handle {} in first dimension.", printable(kinds[0]));
  } else {
    if (args.in[3].num_elements() == 0) {
      fail(ErrorCode::invalid_argument,
           "Invalid first partition input. Tensor requires at least one element.");
    }
    ragged.rows = args.in[3].num_elements() - 1;
  }
  if (ragged.rows < 0) fail(ErrorCode::invalid_argument, "{} rows", ragged.rows);
  for (std::size_t i = first; i < kinds.size(); ++i) {
    const Tensor* tensor = &args.in[3 + i];
    if (tensor->shape().rank() != 1) {
      fail(ErrorCode::invalid_argument, "row partition {}: expected a vector, found {}", i,
           tensor->shape().to_string());
    }
    const bool splits = kinds[i] == "ROW_SPLITS";
    if (!splits && kinds[i] != "VALUE_ROWIDS") {
      fail(ErrorCode::invalid_argument, "Unsupported partition type: {}", printable(kinds[i]));
    }
    ragged.levels.push_back({splits ? Partition::row_splits : Partition::value_rowids, tensor});
  }
  return ragged;
}

std::int64_t widest_row(const Level& level) {
  std::int64_t widest = 0, run = 0;
  for (std::int64_t i = 0; i < level.size(); ++i) {
    if (level.kind == Partition::row_splits) {
      if (i > 0) widest = std::max(widest, level.at(i) - level.at(i - 1));
    } else {
      run = i > 0 && level.at(i) == level.at(i - 1) ? run + 1 : 1;
      widest = std::max(widest, run);
    }
  }
  return widest;
}

[[noreturn]] void incompatible(const Shape& values, const std::string& shape,
                               const std::string& why) {
  fail(ErrorCode::invalid_argument, "rt_input.shape and shape={} are incompatible: {} (values {})",
       shape, why, values.to_string());
}

// The result's dimensions: what `shape` says, else what the data need.
Ints result_dims(const Tensor& shape, const Tensor& values, const Ragged& ragged) {
  const auto ragged_rank = static_cast<int>(ragged.levels.size());
  const Shape& inner = values.shape();
  if (inner.rank() < 1)
    fail(ErrorCode::invalid_argument, "values must have at least one dimension");
  Ints dims(static_cast<std::size_t>(ragged_rank + inner.rank()), -1);
  if (shape.shape().rank() == 0) {
    if (index_at(shape, 0) != -1) {
      fail(ErrorCode::invalid_argument, "shape must be a vector of sizes or -1");
    }
  } else {
    Ints given;
    for (std::int64_t i = 0; i < shape.num_elements(); ++i) given.push_back(index_at(shape, i));
    const std::string text = Shape(given).to_string();
    if (given.size() != dims.size()) {
      incompatible(
          inner, text,
          fmt::format("rt_input.rank = {} but shape.rank = {}", dims.size(), given.size()));
    }
    dims = given;
  }
  for (int axis = 1; axis < inner.rank(); ++axis) {
    std::int64_t& dim = dims[static_cast<std::size_t>(ragged_rank + axis)];
    if (dim >= 0 && dim != inner[axis]) {
      incompatible(inner, Shape(dims).to_string(),
                   fmt::format("rt_input.shape[{}] = {} but shape[{}] = {}", ragged_rank + axis,
                               inner[axis], ragged_rank + axis, dim));
    }
    dim = inner[axis];
  }
  std::int64_t total = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < -1) fail(ErrorCode::invalid_argument, "Invalid dimension size: {}", dims[i]);
    if (dims[i] == -1) dims[i] = i == 0 ? ragged.rows : widest_row(ragged.levels[i - 1]);
    if (dims[i] < 0 || __builtin_mul_overflow(total, dims[i], &total) || total > kMaxElements) {
      fail(ErrorCode::resource_exhausted, "a dense tensor {}", Shape(dims).to_string());
    }
  }
  return dims;
}

// Where in the result the elements of one level begin; kLeftOut for those that have no place there.
class Places {
 public:
  /// The rows: `step` apart, those from `limit` on are left out. They take no memory.
  Places(std::int64_t rows, std::int64_t step, std::int64_t limit)
      : count_(rows), step_(step), limit_(limit) {}
  explicit Places(Ints places)
      : count_(static_cast<std::int64_t>(places.size())), places_(std::move(places)) {}

  std::int64_t count() const { return count_; }
  std::int64_t at(std::int64_t i) const {
    if (step_ == 0) return places_[static_cast<std::size_t>(i)];
    return i < limit_ ? i * step_ : kLeftOut;
  }

 private:
  std::int64_t count_, step_ = 0, limit_ = 0;
  Ints places_;
};

// The children of every parent, `step` apart; those beyond `width` are left out.
Places children_by_splits(const Level& level, const Places& parents, std::int64_t step,
                          std::int64_t width, std::int64_t most) {
  if (level.size() - 1 > parents.count()) {
    fail(ErrorCode::invalid_argument, "Row partition size is greater than output size: {} > {}",
         level.size() - 1, parents.count());
  }
  Ints places;
  for (std::int64_t row = 0; row + 1 < level.size(); ++row) {
    const std::int64_t begin = level.at(row), end = level.at(row + 1);
    if (end < begin || begin != static_cast<std::int64_t>(places.size()) || end > most) {
      fail(ErrorCode::invalid_argument, "Invalid row split size.");
    }
    const std::int64_t parent = parents.at(row);
    for (std::int64_t k = 0; k < end - begin; ++k) {
      places.push_back(parent == kLeftOut || k >= width ? kLeftOut : parent + k * step);
    }
  }
  return Places(std::move(places));
}

Places children_by_rowids(const Level& level, const Places& parents, std::int64_t step,
                          std::int64_t width) {
  Ints places;
  std::int64_t column = 0;
  for (std::int64_t i = 0; i < level.size(); ++i) {
    const std::int64_t row = level.at(i);
    if (row < 0 || row >= parents.count()) {
      fail(ErrorCode::invalid_argument, "Got next_value_rowid={} which is not less than {}", row,
           parents.count());
    }
    column = i > 0 && row == level.at(i - 1) ? column + 1 : 0;
    const std::int64_t parent = parents.at(row);
    places.push_back(parent == kLeftOut || column >= width ? kLeftOut : parent + column * step);
  }
  return Places(std::move(places));
}

void check_default(const Shape& value, const Shape& values) {
  bool fits = value.rank() < values.rank() || value.rank() == 0;
  for (int i = 0; fits && i < value.rank(); ++i) {
    fits = value[i] == 1 || value[i] == values[i + values.rank() - value.rank()];
  }
  if (!fits) {
    fail(ErrorCode::invalid_argument,
         "default_value.shape={} and rt_input.flat_values.shape={} are incompatible",
         value.to_string(), values.to_string());
  }
}

// The default value broadcast to one element of the result.
Tensor element_of(const Tensor& value, const Shape& element) {
  Tensor out(value.dtype(), element);
  for (std::int64_t i = 0; i < out.num_elements(); ++i) {
    std::int64_t rest = i, offset = 0, stride = 1;
    for (int axis = element.rank() - 1; axis >= 0; --axis) {
      const std::int64_t index = rest % element[axis];
      rest /= element[axis];
      const int own = axis - (element.rank() - value.shape().rank());
      if (own < 0) continue;
      if (value.shape()[own] != 1) offset += index * stride;
      stride *= value.shape()[own];
    }
    copy_elements(value, offset, out, i, 1);
  }
  return out;
}

}  // namespace

// (shape, values, default, row partitions...) -> (dense)
Results ragged_to_tensor(const HostArgs& args) {
  const Tensor &values = args.in[1], &otherwise = args.in[2];
  const Ragged ragged = read_partitions(args);
  const Ints dims = result_dims(args.in[0], values, ragged);
  check_default(otherwise.shape(), values.shape());
  Tensor out(values.dtype(), Shape(dims));
  const std::size_t depth = ragged.levels.size();
  const Shape element(Ints(dims.begin() + static_cast<std::ptrdiff_t>(depth) + 1, dims.end()));
  const std::int64_t size = element.num_elements();
  if (out.num_elements() == 0) return {out};
  const Tensor filling = element_of(otherwise, element);
  for (std::int64_t i = 0; i < out.num_elements() / size; ++i) {
    copy_elements(filling, 0, out, i * size, size);
  }
  Ints steps(depth + 1, 1);  // elements of the result from one index of a level to the next
  for (std::size_t i = depth; i-- > 0;) steps[i] = steps[i + 1] * dims[i + 1];
  Places places(ragged.rows, steps[0], dims[0]);
  for (std::size_t i = 0; i < depth; ++i) {
    const Level& level = ragged.levels[i];
    // A level's elements are rows of the next one or values: more would be a hostile file.
    const std::int64_t most = i + 1 < depth ? kMaxRows : values.shape()[0];
    places = level.kind == Partition::row_splits
                 ? children_by_splits(level, places, steps[i + 1], dims[i + 1], most)
                 : children_by_rowids(level, places, steps[i + 1], dims[i + 1]);
  }
  if (places.count() > values.shape()[0]) {
    fail(ErrorCode::invalid_argument, "Invalid row split size.");
  }
  for (std::int64_t i = 0; i < places.count(); ++i) {
    if (places.at(i) == kLeftOut) continue;
    copy_elements(values, i * size, out, places.at(i) * size, size);
  }
  return {out};
}

}  // namespace thaw::host
