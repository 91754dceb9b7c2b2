#include "tools/random_inputs.h"

#include <random>

#include "runtime/base/check.h"
#include "tools/arrays.h"

namespace thaw::tools {
namespace {

/// Random elements: normal floats, small integers, texts of one letter.
Tensor random_tensor(const TensorType& type, std::mt19937& rng) {
  Tensor tensor(type.dtype, type.shape);
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> small(0, 1);
  const std::int64_t count = tensor.num_elements();
  if (type.dtype == DType::string) {
    for (std::int64_t i = 0; i < count; ++i) {
      tensor.mutable_data<std::string>()[i] = small(rng) != 0 ? "a" : "b";
    }
    return tensor;
  }
  Tensor values(DType::float32, type.shape);
  for (std::int64_t i = 0; i < count; ++i) {
    values.mutable_data<float>()[i] =
        is_floating(type.dtype) ? normal(rng) : static_cast<float>(small(rng));
  }
  std::string note;
  if (type.dtype == DType::boolean) {
    for (std::int64_t i = 0; i < count; ++i) tensor.mutable_data<bool>()[i] = small(rng) != 0;
    return tensor;
  }
  if (is_floating(type.dtype) && type.dtype != DType::float64 && type.dtype != DType::float32) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = values.data<float>()[i];
      const std::uint16_t bits =
          type.dtype == DType::float16 ? float16_from(value).bits : bfloat16_from(value).bits;
      static_cast<std::uint16_t*>(tensor.mutable_data())[i] = bits;
    }
    return tensor;
  }
  Tensor integers(DType::int8, type.shape);
  if (is_integer(type.dtype)) {
    for (std::int64_t i = 0; i < count; ++i) {
      integers.mutable_data<std::int8_t>()[i] = static_cast<std::int8_t>(values.data<float>()[i]);
    }
  }
  return convert_to(is_integer(type.dtype) ? integers : values, type.dtype, "input", note);
}

}  // namespace

std::vector<Shape> input_shapes(const std::vector<TensorSpec>& specs, const InputSizes& sizes) {
  std::vector<Shape> shapes;
  for (const TensorSpec& spec : specs) {
    if (!spec.type.shape.has_rank()) {
      fail(ErrorCode::invalid_argument, "input '{}' has no known rank: give --inputs",
           printable(spec.name));
    }
    std::vector<std::int64_t> dims = spec.type.shape.dims();
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] == kUnknownDim) dims[axis] = axis == 0 ? sizes.batch : sizes.length;
    }
    shapes.emplace_back(dims);
  }
  return shapes;
}

std::vector<Tensor> timing_inputs(const std::vector<TensorSpec>& specs, const InputSizes& sizes,
                                  const std::string& file) {
  if (!file.empty()) return model_inputs(read_arrays(file, specs), specs, file);
  std::mt19937 rng(1);
  const std::vector<Shape> shapes = input_shapes(specs, sizes);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    inputs.push_back(random_tensor({specs[i].type.dtype, shapes[i]}, rng));
  }
  return inputs;
}

}  // namespace thaw::tools
