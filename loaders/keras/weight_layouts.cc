// Layouts of old weights: Keras 1's kernels and gates, Theano's flipped kernels, cuDNN's transposed
// blocks.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "loaders/keras/weights.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

bool is(const LayerConfig& layer, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return layer.class_name == name; });
}

bool channels_first(const LayerConfig& layer) {
  const Json* format = layer.config.find("data_format");
  return format != nullptr && format->is_string() && format->string() == "channels_first";
}

std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  for (int axis = shape.rank() - 2; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    strides[i] = strides[i + 1] * shape[axis + 1];
  }
  return strides;
}

// Copies elements so that result[index] = source[start + sum(index * step)].
Tensor gathered(const Tensor& source, const Shape& shape, std::int64_t start,
                const std::vector<std::int64_t>& steps) {
  Tensor result(source.dtype(), shape);
  const std::size_t width = size_of(source.dtype());
  const auto* from = static_cast<const std::byte*>(source.data());
  auto* to = static_cast<std::byte*>(result.mutable_data());
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()), 0);
  std::int64_t offset = start;
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    std::memcpy(to + static_cast<std::size_t>(i) * width,
                from + static_cast<std::size_t>(offset) * width, width);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      offset += steps[a];
      if (++index[a] < shape[axis]) break;
      offset -= steps[a] * shape[axis];
      index[a] = 0;
    }
  }
  return result;
}

void need_numbers(const Variable& variable, const Tensor& array) {
  if (array.dtype() == DType::string || size_of(array.dtype()) == 0) {
    fail(ErrorCode::invalid_argument, "layer '{}' ({}): variable {} is stored as {}",
         printable(variable.layer->name), printable(variable.layer->file_class), variable.name,
         name_of(array.dtype()));
  }
}

Tensor keras1_kernel(const LayerConfig& layer, Tensor kernel) {
  const int rank = kernel.shape().rank();
  if (layer.class_name == "Conv1D" && rank == 4) {
    const Json* length = layer.config.find("kernel_size");
    const bool normal =
        length == nullptr || !length->is_integer() || kernel.shape()[0] == length->integer();
    if (!normal || kernel.shape()[1] != 1)
      kernel = transposed(kernel, {2, 3, 1, 0});  // (filters, in, length, 1)
    if (kernel.shape()[1] != 1) return kernel;
    return kernel.reshaped({kernel.shape()[0], kernel.shape()[2], kernel.shape()[3]});
  }
  if (layer.class_name == "Conv2D" && rank == 4 && channels_first(layer))
    return transposed(kernel, {2, 3, 1, 0});
  if (layer.class_name == "Conv2DTranspose" && rank == 4) {
    return channels_first(layer) ? transposed(kernel, {2, 3, 0, 1})
                                 : transposed(kernel, {0, 1, 3, 2});
  }
  if (layer.class_name == "Conv3D" && rank == 5 && channels_first(layer)) {
    return transposed(kernel, {2, 3, 4, 1, 0});
  }
  return kernel;
}

// cuDNN layers hold each gate's matrix transposed in the memory of the other shape.
Tensor cudnn_blocks(const Tensor& array, std::int64_t gates, bool recurrent) {
  const std::int64_t rows = array.shape()[0], columns = array.shape()[1] / gates;
  std::vector<Tensor> blocks;
  for (std::int64_t gate = 0; gate < gates; ++gate) {
    Tensor block = gathered(array, {rows, columns}, gate * columns, {array.shape()[1], 1});
    // kernel: the block's elements read in column-major order fill the matrix row by row,
    // transposed.
    if (recurrent) {
      block = transposed(block, {1, 0});
    } else {
      block = transposed(block.reshaped({columns, rows}), {1, 0});
    }
    blocks.push_back(std::move(block));
  }
  return joined(blocks);
}

template <class T>
Tensor halves_added(const Tensor& bias) {
  const std::int64_t half = bias.num_elements() / 2;
  Tensor sum(bias.dtype(), {half});
  for (std::int64_t i = 0; i < half; ++i)
    sum.mutable_data<T>()[i] = bias.data<T>()[i] + bias.data<T>()[half + i];
  return sum;
}

Tensor from_cudnn(const Variable& variable, Tensor array) {
  const bool lstm = variable.layer->class_name == "CuDNNLSTM";
  const std::int64_t gates = lstm ? 4 : 3;
  if (array.shape().rank() == 2 && array.shape()[1] % gates == 0) {
    const bool recurrent = variable.name == "recurrent_kernel";
    if (recurrent && array.shape()[0] * gates != array.shape()[1]) return array;
    return cudnn_blocks(array, gates, recurrent);
  }
  if (array.shape().rank() == 1 && array.shape()[0] % (2 * gates) == 0) {
    if (!lstm) return array.reshaped({2, array.shape()[0] / 2});
    if (array.dtype() == DType::float32) return halves_added<float>(array);
    if (array.dtype() == DType::float64) return halves_added<double>(array);
  }
  return array;
}

}  // namespace

Tensor transposed(const Tensor& tensor, const std::vector<int>& permutation) {
  const std::vector<std::int64_t> strides = strides_of(tensor.shape());
  std::vector<std::int64_t> dims, steps;
  for (int axis : permutation) {
    dims.push_back(tensor.shape()[axis]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  return gathered(tensor, Shape(std::move(dims)), 0, steps);
}

Tensor reversed(const Tensor& tensor, int axes) {
  std::vector<std::int64_t> steps = strides_of(tensor.shape());
  std::int64_t start = 0;
  for (int axis = 0; axis < axes; ++axis) {
    start += (tensor.shape()[axis] - 1) * steps[static_cast<std::size_t>(axis)];
    steps[static_cast<std::size_t>(axis)] *= -1;
  }
  return tensor.num_elements() == 0 ? tensor : gathered(tensor, tensor.shape(), start, steps);
}

Tensor joined(const std::vector<Tensor>& parts) {
  const Tensor& first = parts.at(0);
  if (first.shape().rank() == 0)
    fail(ErrorCode::invalid_argument, "scalars cannot be joined to a gate matrix");
  const int last = first.shape().rank() - 1;
  Shape shape = first.shape();
  shape[last] = 0;
  for (const Tensor& part : parts) {
    Shape other = part.shape();
    if (part.dtype() != first.dtype() || other.rank() != last + 1) {
      fail(ErrorCode::invalid_argument, "arrays of one recurrent layer differ: {} and {}",
           to_string(first.type()), to_string(part.type()));
    }
    shape[last] += other[last];
    other[last] = first.shape()[last];
    if (other != first.shape()) {
      fail(ErrorCode::invalid_argument, "arrays of one recurrent layer differ: {} and {}",
           to_string(first.type()), to_string(part.type()));
    }
  }
  Tensor result(first.dtype(), shape);
  const std::size_t width = size_of(first.dtype());
  std::int64_t rows = 1;
  for (int axis = 0; axis < last; ++axis) rows *= shape[axis];
  auto* to = static_cast<std::byte*>(result.mutable_data());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const Tensor& part : parts) {
      const std::size_t bytes = static_cast<std::size_t>(part.shape()[last]) * width;
      if (bytes != 0) {
        std::memcpy(
            to, static_cast<const std::byte*>(part.data()) + static_cast<std::size_t>(row) * bytes,
            bytes);
      }
      to += bytes;
    }
  }
  return result;
}

Conversion gates_of(const LayerConfig& layer, std::size_t variables) {
  Conversion conversion;
  if (is(layer, {"LSTM", "GRU", "ConvLSTM2D"})) {
    // Stored gate by gate (W, U, b); the LSTM's old order is i, c, f, o, today's i, f, c, o.
    const std::vector<std::size_t> order = layer.class_name == "GRU"
                                               ? std::vector<std::size_t>{0, 1, 2}
                                               : std::vector<std::size_t>{0, 2, 1, 3};
    for (std::size_t variable = 0; variable < variables; ++variable) {
      conversion.sources.emplace_back();
      for (std::size_t gate : order) conversion.sources.back().push_back(3 * gate + variable);
    }
    return conversion;
  }
  for (std::size_t variable = 0; variable < variables; ++variable)
    conversion.sources.push_back({variable});
  return conversion;
}

Tensor modern_gate(const Variable& variable, Tensor array) {
  const bool images_first = is(*variable.layer, {"ConvLSTM2D"}) && channels_first(*variable.layer);
  if (!images_first || array.shape().rank() != 4) return array;
  need_numbers(variable, array);
  return transposed(array, {2, 3, 1, 0});
}

Tensor modern_layout(const Variable& variable, Tensor array, const Writer& writer) {
  need_numbers(variable, array);
  const LayerConfig& layer = *variable.layer;
  if (is(layer, {"CuDNNLSTM", "CuDNNGRU"})) return from_cudnn(variable, std::move(array));
  const bool conv_lstm = is(layer, {"ConvLSTM2D"}) && variable.name.ends_with("kernel");
  if (!conv_lstm && (variable.slot != 0 || variable.name != "kernel")) return array;
  if (writer.major == 1) array = keras1_kernel(layer, std::move(array));
  // Theano convolves where the others correlate: its kernels run the other way round.
  const bool convolves = conv_lstm || is(layer, {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"});
  if (writer.major < 3 && writer.backend == "theano" && convolves && array.shape().rank() >= 3) {
    array = reversed(array, array.shape().rank() - 2);
  }
  return array;
}

}  // namespace thaw::keras
