#include "loaders/tf/refusals.h"

#include <algorithm>
#include <iterator>

namespace thaw::tf {
namespace {

struct Reason {
  std::string_view op, why;
};

constexpr std::string_view kPython = "runs Python code that is not in the file";
constexpr std::string_view kReads = "reads files";
constexpr std::string_view kWrites = "writes files";
constexpr std::string_view kGradient = "computes a gradient, which inference does not need";
constexpr std::string_view kServing = "gathers requests of several callers";
constexpr std::string_view kQueue = "is for the input pipelines of training";
constexpr std::string_view kLoop =
    "stands inside a TensorFlow 1 loop; only what leaves it through an Exit is a result";
constexpr std::string_view kOldArray = "is a tensor array of TensorFlow 0.x";
constexpr std::string_view kOptional = "packs tensors that may be absent, which gradients need";
constexpr std::string_view kPartition = "is for variables that are spread over devices";
constexpr std::string_view kNameless =
    "makes a table without a name, which no initialiser can be told for";
constexpr std::string_view kThreads =
    "draws numbers that depend on how many threads TensorFlow has";
constexpr std::string_view kMessage = "needs descriptions of messages that are not in the file";
constexpr std::string_view kFractional = "pools windows of random sizes";
constexpr std::string_view kCudnnWeights = "converts cuDNN's weights, which only writers need";
constexpr std::string_view kNoise = "fills what is outside of the image with random noise";
constexpr std::string_view kTraining = "draws random crops, which only training needs";

// Sorted by name (byte order).
// clang-format off
constexpr Reason kReasons[] = {
    {"Abort", "ends the program"},
    {"AnonymousHashTable", kNameless},
    {"AnonymousIterator", "reads a data set"},
    {"AnonymousMutableDenseHashTable", kNameless},
    {"AnonymousMutableHashTable", kNameless},
    {"AnonymousMutableHashTableOfTensors", kNameless},
    {"AssignVariableXlaConcatND", kPartition},
    {"Batch", kServing},
    {"BatchFunction", kServing},
    {"BroadcastGradientArgs", kGradient},
    {"CTCLoss", kGradient},
    {"CTCLossV2", kGradient},
    {"Conv2DBackpropFilter", kGradient},
    {"Conv2DBackpropInputV2", "has no kernel in TensorFlow either; Conv2DBackpropInput is its older form"},
    {"Conv3DBackpropFilterV2", kGradient},
    {"CudnnRNNCanonicalToParams", kCudnnWeights},
    {"CudnnRNNCanonicalToParamsV2", kCudnnWeights},
    {"CudnnRNNParamsSize", kCudnnWeights},
    {"CudnnRNNParamsToCanonical", kCudnnWeights},
    {"CudnnRNNParamsToCanonicalV2", kCudnnWeights},
    {"DecodeProtoV2", kMessage},
    {"EagerPyFunc", kPython},
    {"EncodeProto", kMessage},
    {"Enter", kLoop},
    {"ExtractGlimpse", kNoise},
    {"ExtractGlimpseV2", kNoise},
    {"FakeParam", kOptional},
    {"For", "is a loop that the writers of graphs make of While"},
    {"FractionalAvgPool", kFractional},
    {"FractionalMaxPool", kFractional},
    {"IteratorGetNext", "reads a data set"},
    {"MatchingFiles", "reads directories"},
    {"MergeV2Checkpoints", kWrites},
    {"NextIteration", kLoop},
    {"OptionalFromValue", kOptional},
    {"OptionalGetValue", kOptional},
    {"OptionalHasValue", kOptional},
    {"OptionalNone", kOptional},
    {"ParameterizedTruncatedNormal", kThreads},
    {"ParseSingleSequenceExample", "parses a sequence outside of a batch; ParseSequenceExample is read"},
    {"PyFunc", kPython},
    {"PyFuncStateless", kPython},
    {"RandomCrop", kTraining},
    {"ReadFile", kReads},
    {"ReadVariableXlaSplitND", kPartition},
    {"RefEnter", kLoop},
    {"RefNextIteration", kLoop},
    {"Restore", kReads},
    {"RestoreSlice", kReads},
    {"SampleDistortedBoundingBox", kTraining},
    {"SampleDistortedBoundingBoxV2", kTraining},
    {"SaveV2", kWrites},
    {"ShardedFilename", kWrites},
    {"ShardedFilespec", kWrites},
    {"StatefulStandardNormal", "keeps its algorithm in its state, as no TensorFlow after 2.0 does"},
    {"StatelessParameterizedTruncatedNormal", kThreads},
    {"StatelessSampleDistortedBoundingBox", kTraining},
    {"SymbolicGradient", kGradient},
    {"TPUPartitionedCall", "is for TPUs; export the model for the CPU"},
    {"TRTEngineOp", "holds code for TensorRT; export the model before the TensorRT conversion"},
    {"TensorArray", kOldArray},
    {"TensorArrayGradV3", kGradient},
    {"TensorArrayV2", kOldArray},
    {"TensorListPushBackBatch", "works on tensors of lists"},
    {"Timestamp", "tells the time"},
    {"Unbatch", kServing},
    {"WriteFile", kWrites},
    {"XlaCallModule",
     "holds StableHLO code (written by the JAX backend); export with native TensorFlow "
     "serialisation (jax2tf with native_serialization=False), or save the model as .keras"},
    {"_Recv", "receives from another device"},
    {"_Send", "sends to another device"},
};

/// Families of ops, by how their names begin; the first that fits.
constexpr Reason kPrefixes[] = {
    {"Mkl", "is made for one library on one machine; export the model without that optimisation"},
    {"_Mkl", "is made for one library on one machine; export the model without that optimisation"},
    {"SparseMatrix", "works on sparse matrices in variants"},
    {"CSRSparseMatrix", "works on sparse matrices in variants"},
    {"DenseToCSRSparseMatrix", "works on sparse matrices in variants"},
    {"SparseTensorToCSRSparseMatrix", "works on sparse matrices in variants"},
    {"UniformQuantize", "works on a quantisation that only the TensorFlow quantiser of 2023 writes"},
    {"UniformDequantize", "works on a quantisation that only the TensorFlow quantiser of 2023 writes"},
    {"UniformRequantize", "works on a quantisation that only the TensorFlow quantiser of 2023 writes"},
    {"QuantizedConv2D", "joins layers of 8-bit integers for one library"},
    {"QuantizedDepthwiseConv2D", "joins layers of 8-bit integers for one library"},
    {"QuantizedMatMul", "joins layers of 8-bit integers for one library"},
    {"TPU", "is for TPUs; export the model for the CPU"},
    {"Xla", "is for the XLA compiler; export the model without jit_compile"},
    {"TensorMap", "works on maps of tensors"},
    {"ResourceApply", "trains variables, which inference does not need"},
    {"ResourceSparseApply", "trains variables, which inference does not need"},
    {"QueueDequeue", kQueue},
    {"QueueEnqueue", kQueue},
    {"ReaderRead", kReads},
    {"Collective", "works with other machines"},
};
// clang-format on

}  // namespace

std::string_view refusal_of(std::string_view op) {
  static_assert(std::ranges::is_sorted(kReasons, {}, &Reason::op));
  const auto* found = std::ranges::lower_bound(kReasons, op, {}, &Reason::op);
  if (found != std::end(kReasons) && found->op == op) return found->why;
  for (const Reason& family : kPrefixes) {
    if (op.starts_with(family.op)) return family.why;
  }
  if (op.ends_with("Grad") || op.ends_with("GradV2")) return kGradient;
  return "unknown op";
}

}  // namespace thaw::tf
