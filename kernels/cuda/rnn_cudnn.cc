// Recurrent layers by cuDNN, where it computes what Keras does. Constant weights are brought into
// the library's own layout once; biases that Keras has not are zero.
#include <algorithm>
#include <cstring>

#include "kernels/backend.h"
#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/cudnn.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/library_room.h"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/product.h"
#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

constexpr std::int64_t kMostSmallUnits = 192;  // of the algorithm that keeps weights in one block

bool mode_of(const ops::Rnn& op, cudnnRNNMode_t& mode) {
  const bool usual =
      op.activation.kind == UnaryKind::tanh && op.recurrent_activation.kind == UnaryKind::sigmoid;
  switch (op.cell) {
    case CellKind::lstm: mode = CUDNN_LSTM; return usual;
    case CellKind::gru: mode = CUDNN_GRU; return usual && op.reset_after;
    case CellKind::simple: break;
  }
  mode = op.activation.kind == UnaryKind::tanh ? CUDNN_RNN_TANH : CUDNN_RNN_RELU;
  return op.activation.kind == UnaryKind::tanh || op.activation.kind == UnaryKind::relu;
}

struct CudnnRnn {
  const Cudnn* library = nullptr;
  RnnShape shape;
  CudnnDescriptor<cudnnRNNDescriptor_t> rnn;
  CudnnDescriptor<cudnnDropoutDescriptor_t> dropout;
  CudnnDescriptor<cudnnRNNDataDescriptor_t> x, y;
  CudnnDescriptor<cudnnTensorDescriptor_t> state;
  std::size_t weight_bytes = 0, workspace = 0, y_bytes = 0;
  std::shared_ptr<const void> weights;
  DType dtype = DType::float32;

  bool describe(const ops::Rnn& op, Precision precision, CudnnRnnAlgorithm algorithm);
  bool describe_tensors(cudnnDataType_t type, bool time_major);
  Tensor packed(const Site& site) const;
  void enqueue(const Args& args, const Queue& queue) const;
};

bool CudnnRnn::describe(const ops::Rnn& op, Precision precision, CudnnRnnAlgorithm algorithm) {
  cudnnRNNMode_t mode{};
  cudnnDataType_t type{};
  if (!mode_of(op, mode) || !cudnn_type(dtype, type)) return false;
  const bool small = algorithm == CudnnRnnAlgorithm::small;
  rnn = make_descriptor(*library, library->create_rnn, library->destroy_rnn);
  dropout = make_descriptor(*library, library->create_dropout, library->destroy_dropout);
  const std::lock_guard lock(library->mutex);
  library->require(library->set_dropout(dropout.get(), library->handle, 0, nullptr, 0, 0),
                   "a dropout of nothing");
  const bool strict = precision == Precision::f32 && dtype == DType::float32;
  return library->set_rnn(
             rnn.get(), small ? CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H : CUDNN_RNN_ALGO_STANDARD,
             mode, CUDNN_RNN_DOUBLE_BIAS, CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, type,
             CUDNN_DATA_FLOAT, strict ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH,
             static_cast<std::int32_t>(shape.inputs), static_cast<std::int32_t>(shape.units),
             static_cast<std::int32_t>(shape.units), 1, dropout.get(),
             CUDNN_RNN_PADDED_IO_ENABLED) == CUDNN_STATUS_SUCCESS &&
         describe_tensors(type, op.time_major) &&
         library->rnn_weight_bytes(library->handle, rnn.get(), &weight_bytes) ==
             CUDNN_STATUS_SUCCESS;
}

bool CudnnRnn::describe_tensors(cudnnDataType_t type, bool time_major) {
  const int batch = static_cast<int>(shape.batch), steps = static_cast<int>(shape.steps);
  const int units = static_cast<int>(shape.units);
  const std::vector<int> lengths(static_cast<std::size_t>(batch), steps);
  const auto layout = time_major ? CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED
                                 : CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
  x = make_descriptor(*library, library->create_sequence, library->destroy_sequence);
  y = make_descriptor(*library, library->create_sequence, library->destroy_sequence);
  state = make_descriptor(*library, library->create_tensor, library->destroy_tensor);
  const int dims[3] = {1, batch, units}, strides[3] = {batch * units, units, 1};
  std::size_t reserve = 0;
  return library->set_sequence(x.get(), type, layout, steps, batch, static_cast<int>(shape.inputs),
                               lengths.data(), nullptr) == CUDNN_STATUS_SUCCESS &&
         library->set_sequence(y.get(), type, layout, steps, batch, units, lengths.data(),
                               nullptr) == CUDNN_STATUS_SUCCESS &&
         library->set_tensor(state.get(), type, 3, dims, strides) == CUDNN_STATUS_SUCCESS &&
         library->rnn_workspace(library->handle, rnn.get(), CUDNN_FWD_MODE_INFERENCE, x.get(),
                                &workspace, &reserve) == CUDNN_STATUS_SUCCESS;
}

/// The library's number of a gate in our order: of the lstm i, f, c, o, of the gru z, r, h.
int gate_of(CellKind cell, int gate) {
  if (cell == CellKind::gru && gate < 2) return 1 - gate;  // the library's gru is r, z, h
  return gate;
}

/// The weights as the library wants them, byte by byte.
Tensor CudnnRnn::packed(const Site& site) const {
  Tensor space(DType::uint8, {static_cast<std::int64_t>(weight_bytes)});
  auto* base = static_cast<std::byte*>(space.mutable_data());
  const std::size_t element = size_of(dtype), columns = static_cast<std::size_t>(shape.columns());
  const auto units = static_cast<std::size_t>(shape.units);
  const auto tensor = make_descriptor(*library, library->create_tensor, library->destroy_tensor);
  const auto biases = make_descriptor(*library, library->create_tensor, library->destroy_tensor);
  const bool two = site.op_as<ops::Rnn>().cell == CellKind::gru;
  const std::lock_guard lock(library->mutex);
  for (int side = 0; side < 2; ++side) {  // of the input, of the state
    const auto* from = static_cast<const std::byte*>(site.constants[at(1 + side)]->data());
    const std::size_t rows = side == 0 ? static_cast<std::size_t>(shape.inputs) : units;
    for (int gate = 0; gate < static_cast<int>(shape.gates); ++gate) {
      void *matrix = nullptr, *bias = nullptr;
      const int id = side * static_cast<int>(shape.gates) + gate_of(shape.cell, gate);
      library->require(library->rnn_weight(library->handle, rnn.get(), 0, weight_bytes, base, id,
                                           tensor.get(), &matrix, biases.get(), &bias),
                       "the place of weights");
      const std::size_t bytes = rows * units * element;
      const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(matrix) - base);
      if (offset > weight_bytes || bytes > weight_bytes - offset) {
        fail(ErrorCode::device, "cuDNN places weights outside of their memory");
      }
      const std::size_t first = static_cast<std::size_t>(gate) * units;
      for (std::size_t unit = 0; unit < units; ++unit) {
        for (std::size_t row = 0; row < rows; ++row) {
          std::memcpy(base + offset + (unit * rows + row) * element,
                      from + (row * columns + first + unit) * element, element);
        }
      }
      if (shape.bias < 0 || (side == 1 && !two)) continue;
      const auto* b = static_cast<const std::byte*>(site.constants[at(shape.bias)]->data());
      const std::size_t start = (static_cast<std::size_t>(side) * columns + first) * element;
      std::memcpy(bias, b + start, units * element);
    }
  }
  return space;
}

void CudnnRnn::enqueue(const Args& args, const Queue& queue) const {
  const auto operand = [&](int i) { return i < 0 ? nullptr : args.in[at(i)].data; };
  void* all = shape.return_sequences ? args.out[0].data : args.workspace;
  std::byte* work = library_workspace(args.workspace + align_up(y_bytes), workspace);
  {
    const auto quiet = outside_recordings(queue.stream);
    const std::lock_guard lock(library->mutex);
    library->require(library->set_stream(library->handle, native(queue.stream)), "a stream");
    library->require(
        library->rnn_forward(library->handle, rnn.get(), CUDNN_FWD_MODE_INFERENCE, nullptr, x.get(),
                             operand(0), y.get(), all, state.get(), operand(shape.h0),
                             args.out[1].data, state.get(), operand(shape.c0),
                             shape.cell == CellKind::lstm ? args.out[2].data : nullptr,
                             weight_bytes, weights.get(), workspace, work, 0, nullptr),
        "a recurrent layer");
  }
  if (shape.return_sequences) return;
  enqueue_copy(queue, args.out[1].data, args.out[0].data,
               shape.batch * shape.units * static_cast<std::int64_t>(size_of(dtype)));
}

}  // namespace

KernelPtr prepare_rnn_cudnn(const Site& site, const Device& device, Precision precision,
                            CudnnRnnAlgorithm algorithm) {
  const auto& op = site.op_as<ops::Rnn>();
  CudnnRnn layer;
  layer.shape = rnn_shape_of(site);
  layer.dtype = site.in[0].dtype;
  const RnnShape& s = layer.shape;
  const bool known = site.constants[1] != nullptr && site.constants[2] != nullptr &&
                     (s.bias < 0 || site.constants[at(s.bias)] != nullptr);
  const bool small = algorithm == CudnnRnnAlgorithm::small;
  cudnnRNNMode_t mode{};
  if (!known || op.go_backwards || op.has_mask || !mode_of(op, mode) || s.batch == 0 ||
      s.steps == 0 || s.units == 0 || s.inputs == 0 || (small && s.units > kMostSmallUnits) ||
      s.batch * s.steps * std::max(s.inputs, s.units) > INT32_MAX) {
    return nullptr;
  }
  layer.library = cudnn();
  if (layer.library == nullptr || !layer.describe(op, precision, algorithm)) return nullptr;
  // Layers may share the weights of the state and have others of the input: what the packed form
  // was made of stays with it, so that its name means nothing else.
  const Tensor input = *site.constants[1],
               bias = s.bias < 0 ? Tensor() : *site.constants[at(s.bias)];
  const auto pack = [&]() -> std::shared_ptr<const void> {
    struct Packed {
      std::shared_ptr<const void> memory;
      Tensor input, bias;
    };
    const auto made =
        std::make_shared<const Packed>(Packed{uploaded(layer.packed(site), device), input, bias});
    return {made, made->memory.get()};
  };
  const std::string layout =
      fmt::format("cudnn rnn{} {} {}", small ? " small" : "", input.identity(), bias.identity());
  layer.weights =
      site.packs == nullptr ? pack() : site.packs->get(*site.constants[2], layout, pack);
  if (!s.return_sequences) {
    layer.y_bytes = static_cast<std::size_t>(s.batch * s.steps * s.units) * size_of(layer.dtype);
  }
  const std::uint32_t packed = 6U | (s.bias < 0 ? 0U : 1U << s.bias);
  return make_kernel({small ? "cudnn rnn, small" : "cudnn rnn",
                      align_up(layer.y_bytes) + library_room(layer.workspace), false, packed},
                     [layer](const Args& args, const Queue& queue) { layer.enqueue(args, queue); });
}

}  // namespace thaw::cuda
