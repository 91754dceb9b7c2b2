// The recurrent layers of the fake cuDNN: unidirectional, one layer, as the documentation has them.
#include <cmath>

#include "tests/fakes/fake_cudnn.h"

struct cudnnDropoutStruct {};
struct cudnnRNNStruct {
  cudnnRNNAlgo_t algorithm;
  cudnnRNNMode_t mode;
  cudnnDataType_t type;
  std::int64_t inputs, units;
  bool right;
  int gates() const { return mode == CUDNN_LSTM ? 4 : mode == CUDNN_GRU ? 3 : 1; }
  std::int64_t matrix(int id) const { return units * (id < gates() ? inputs : units); }
};
struct cudnnRNNDataStruct {
  cudnnDataType_t type;
  cudnnRNNDataLayout_t layout;
  std::int64_t steps, batch, width;
  std::int64_t at(std::int64_t b, std::int64_t t) const {
    const bool batch_first = layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
    return (batch_first ? b * steps + t : t * batch + b) * width;
  }
};

namespace thaw::fake {
namespace {

constexpr std::size_t kRnnWorkspace = 128;

/// Offsets in elements: all matrices, then all biases.
std::int64_t matrix_at(const cudnnRNNStruct& rnn, int id) {
  std::int64_t offset = 0;
  for (int i = 0; i < id; ++i) offset += rnn.matrix(i);
  return offset;
}
std::int64_t bias_at(const cudnnRNNStruct& rnn, int id) {
  return matrix_at(rnn, 2 * rnn.gates()) + id * rnn.units;
}

struct Layer {
  cudnnRNNStruct rnn;
  const void* weights;

  /// Row `unit` of matrix `id` with a vector, and its bias.
  float product(int id, std::int64_t unit, const std::vector<float>& vector) const {
    const auto width = static_cast<std::int64_t>(vector.size());
    float sum = element(weights, rnn.type, bias_at(rnn, id) + unit);
    for (std::int64_t i = 0; i < width; ++i) {
      sum += element(weights, rnn.type, matrix_at(rnn, id) + unit * width + i) *
             vector[static_cast<std::size_t>(i)];
    }
    return sum;
  }

  void step(const std::vector<float>& x, std::vector<float>& h, std::vector<float>& c) const {
    const auto sigmoid = [](float z) { return 1 / (1 + std::exp(-z)); };
    std::vector<float> next(h.size());
    const int gates = rnn.gates();
    for (std::size_t u = 0; u < h.size(); ++u) {
      const auto unit = static_cast<std::int64_t>(u);
      const auto input = [&](int gate) { return product(gate, unit, x); };
      const auto state = [&](int gate) { return product(gates + gate, unit, h); };
      if (rnn.mode == CUDNN_LSTM) {
        const float i = sigmoid(input(0) + state(0)), f = sigmoid(input(1) + state(1));
        c[u] = f * c[u] + i * std::tanh(input(2) + state(2));
        next[u] = sigmoid(input(3) + state(3)) * std::tanh(c[u]);
      } else if (rnn.mode == CUDNN_GRU) {
        const float r = sigmoid(input(0) + state(0)), z = sigmoid(input(1) + state(1));
        next[u] = (1 - z) * std::tanh(input(2) + r * state(2)) + z * h[u];
      } else {
        const float sum = input(0) + state(0);
        next[u] = rnn.mode == CUDNN_RNN_TANH ? std::tanh(sum) : sum > 0 ? sum : 0;
      }
    }
    h = next;
  }
};

}  // namespace
}  // namespace thaw::fake

using namespace thaw::fake;  // NOLINT: the C functions below are outside of it

extern "C" {

cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t* made) {
  *made = new cudnnDropoutStruct;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t gone) {
  delete gone;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t, cudnnHandle_t, float dropout,
                                        void*, size_t, unsigned long long) {
  return dropout == 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t* made) {
  *made = new cudnnRNNStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t gone) {
  delete gone;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t rnn, cudnnRNNAlgo_t algorithm,
                                       cudnnRNNMode_t mode, cudnnRNNBiasMode_t bias,
                                       cudnnDirectionMode_t direction, cudnnRNNInputMode_t input,
                                       cudnnDataType_t type, cudnnDataType_t precision,
                                       cudnnMathType_t, int32_t inputs, int32_t units,
                                       int32_t projection, int32_t layers, cudnnDropoutDescriptor_t,
                                       uint32_t flags) {
  const bool right = bias == CUDNN_RNN_DOUBLE_BIAS && direction == CUDNN_UNIDIRECTIONAL &&
                     input == CUDNN_LINEAR_INPUT && precision == CUDNN_DATA_FLOAT &&
                     projection == units && layers == 1 && flags == CUDNN_RNN_PADDED_IO_ENABLED;
  *rnn = {algorithm, mode, type, inputs, units, right};
  return right ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t* made) {
  *made = new cudnnRNNDataStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t gone) {
  delete gone;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t data, cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int steps, int batch,
                                        int width, const int lengths[], void*) {
  *data = {type, layout, steps, batch, width};
  for (int i = 0; i < batch; ++i) {
    if (lengths[i] != steps) return CUDNN_STATUS_BAD_PARAM;
  }
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t, cudnnRNNDescriptor_t rnn, size_t* bytes) {
  const std::int64_t elements = bias_at(*rnn, 2 * rnn->gates());
  *bytes = static_cast<std::size_t>(elements) * bytes_of(rnn->type);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t, cudnnRNNDescriptor_t rnn, int32_t layer,
                                      size_t, const void* space, int32_t id,
                                      cudnnTensorDescriptor_t, void** matrix,
                                      cudnnTensorDescriptor_t, void** bias) {
  if (layer != 0 || id < 0 || id >= 2 * rnn->gates()) return CUDNN_STATUS_BAD_PARAM;
  auto* base = static_cast<std::byte*>(const_cast<void*>(space));
  const std::size_t element = bytes_of(rnn->type);
  *matrix = base + static_cast<std::size_t>(matrix_at(*rnn, id)) * element;
  *bias = base + static_cast<std::size_t>(bias_at(*rnn, id)) * element;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t, cudnnRNNDescriptor_t, cudnnForwardMode_t,
                                        cudnnRNNDataDescriptor_t, size_t* work, size_t* reserve) {
  *work = kRnnWorkspace;
  *reserve = 0;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t,
                              const int32_t[], cudnnRNNDataDescriptor_t x_of, const void* x,
                              cudnnRNNDataDescriptor_t y_of, void* y, cudnnTensorDescriptor_t,
                              const void* h0, void* h_out, cudnnTensorDescriptor_t, const void* c0,
                              void* c_out, size_t, const void* weights, size_t bytes, void*, size_t,
                              void*) {
  if (poses_as("failing")) return CUDNN_STATUS_EXECUTION_FAILED;
  if (!rnn->right || bytes != kRnnWorkspace) return CUDNN_STATUS_BAD_PARAM;
  handle->stream->enqueue([=, rnn = *rnn, x_of = *x_of, y_of = *y_of] {
    const Layer layer{rnn, weights};
    for (std::int64_t b = 0; b < x_of.batch; ++b) {
      const auto units = static_cast<std::size_t>(rnn.units);
      std::vector<float> h(units, 0.0f), c(units, 0.0f), step(static_cast<std::size_t>(rnn.inputs));
      for (std::int64_t u = 0; u < rnn.units; ++u) {
        const auto i = static_cast<std::size_t>(u);
        if (h0 != nullptr) h[i] = element(h0, rnn.type, b * rnn.units + u);
        if (c0 != nullptr) c[i] = element(c0, rnn.type, b * rnn.units + u);
      }
      for (std::int64_t t = 0; t < x_of.steps; ++t) {
        for (std::int64_t i = 0; i < rnn.inputs; ++i) {
          step[static_cast<std::size_t>(i)] = element(x, rnn.type, x_of.at(b, t) + i);
        }
        layer.step(step, h, c);
        for (std::int64_t u = 0; u < rnn.units; ++u) {
          set_element(y, rnn.type, y_of.at(b, t) + u, h[static_cast<std::size_t>(u)]);
        }
      }
      for (std::int64_t u = 0; u < rnn.units; ++u) {
        const auto i = static_cast<std::size_t>(u);
        set_element(h_out, rnn.type, b * rnn.units + u, h[i]);
        if (c_out != nullptr) set_element(c_out, rnn.type, b * rnn.units + u, c[i]);
      }
    }
  });
  return CUDNN_STATUS_SUCCESS;
}
}
