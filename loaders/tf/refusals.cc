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
constexpr std::string_view kTraining = "draws random crops, which only training needs";
constexpr std::string_view kTrains = "trains variables, which inference does not need";
constexpr std::string_view kDataSet = "reads a data set";
constexpr std::string_view kSummary = "writes a log of training";
constexpr std::string_view kSampled = "draws classes for a loss of training";
constexpr std::string_view kPinned = "is for TPUs; export the model for the CPU";
constexpr std::string_view kMachines = "works with other machines";
constexpr std::string_view kDebug = "is for debugging TensorFlow";
constexpr std::string_view kRuntime = "is made while TensorFlow runs a graph and stands in no file";
constexpr std::string_view kTrees = "is of the boosted trees that TensorFlow itself no longer runs";
constexpr std::string_view kTest = "is of TensorFlow's own tests";
constexpr std::string_view kSession = "keeps tensors in a session of TensorFlow";
constexpr std::string_view kGpuAlone = "has a kernel for GPUs alone";
constexpr std::string_view kNoKernel = "has no kernel in TensorFlow either";
constexpr std::string_view kVocabulary = "takes over a vocabulary from another checkpoint";
constexpr std::string_view kStack = "keeps what a loop computes for its gradient";
constexpr std::string_view kClusters = "chooses where the training of clusters begins";
constexpr std::string_view kCalibrate = "measures ranges before a model is quantised";
constexpr std::string_view kComposite = "packs Python objects of several tensors";
constexpr std::string_view kCodec = "decodes a format of images for which Thaw has no decoder";
constexpr std::string_view kPackedSparse = "packs sparse tensors for input pipelines";
constexpr std::string_view kEight =
    "works on 8-bit integers as TensorFlow 1's own quantiser wrote them; export the float graph";

// Sorted by name (byte order).
// clang-format off
constexpr Reason kReasons[] = {
    {"Abort", "ends the program"},
    {"AddManySparseToTensorsMap", kPackedSparse},
    {"AddSparseToTensorsMap", kPackedSparse},
    {"AdjustContrast", "is of TensorFlow before 1.0; AdjustContrastv2 is read"},
    {"AllToAll", kPinned},
    {"AnonymousHashTable", kNameless},
    {"AnonymousIterator", "reads a data set"},
    {"AnonymousMutableDenseHashTable", kNameless},
    {"AnonymousMutableHashTable", kNameless},
    {"AnonymousMutableHashTableOfTensors", kNameless},
    {"AssignVariableXlaConcatND", kPartition},
    {"AudioMicrofrontend", "is the fixed-point front end of microcontrollers"},
    {"Batch", kServing},
    {"BatchFunction", kServing},
    {"BroadcastGradientArgs", kGradient},
    {"CalibrationStatisticsSaver", kCalibrate},
    {"CheckPinned", kDebug},
    {"CompositeTensorVariantFromComponents", kComposite},
    {"CompositeTensorVariantToComponents", kComposite},
    {"CompressElement", kDataSet},
    {"ComputeAccidentalHits", kSampled},
    {"ComputeBatchSize", kDataSet},
    {"ConstructionFails", kTest},
    {"ConsumeMutexLock", "locks what several calls share"},
    {"Conv2DBackpropFilter", kGradient},
    {"Conv2DBackpropFilterV2", kGradient},
    {"Conv2DBackpropInputV2", "has no kernel in TensorFlow either; Conv2DBackpropInput is its older form"},
    {"Conv3DBackpropFilter", kGradient},
    {"Conv3DBackpropFilterV2", kGradient},
    {"Conv3DBackpropInput", "is of TensorFlow before 1.0; Conv3DBackpropInputV2 is read"},
    {"ConvertToCooTensor", kPinned},
    {"Copy", kDebug},
    {"CopyHost", kDebug},
    {"CountUpTo", "counts the rounds of an input pipeline"},
    {"CropAndResizeGradBoxes", kGradient},
    {"CropAndResizeGradImage", kGradient},
    {"CrossReplicaSum", kPinned},
    {"CudnnRNNCanonicalToParams", kCudnnWeights},
    {"CudnnRNNCanonicalToParamsV2", kCudnnWeights},
    {"CudnnRNNParamsSize", kCudnnWeights},
    {"CudnnRNNParamsToCanonical", kCudnnWeights},
    {"CudnnRNNParamsToCanonicalV2", kCudnnWeights},
    {"CustomAggregator", kCalibrate},
    {"DecodeJSONExample", "reads messages written as JSON"},
    {"DecodeJxl", kCodec},
    {"DecodeProtoV2", kMessage},
    {"DecodeWebP", kCodec},
    {"DeleteRpcFutureResource", kMachines},
    {"DeleteSessionTensor", kSession},
    {"DepthwiseConv2dNativeBackpropFilter", kGradient},
    {"DevicePlacementOp", kTest},
    {"Dilation2DBackpropFilter", kGradient},
    {"Dilation2DBackpropInput", kGradient},
    {"DistributedSave", kWrites},
    {"DtypeWithDefaultOp", kTest},
    {"DumpTensor", kDebug},
    {"EagerPyFunc", kPython},
    {"EmptyTensorMap", "works on maps of tensors"},
    {"EncodeJpegVariableQuality", "writes JPEG of a quality that is computed; EncodeJpeg is read"},
    {"EncodeProto", kMessage},
    {"Enter", kLoop},
    {"Fact", kTest},
    {"FakeParam", kOptional},
    {"FileSystemSetConfiguration", kReads},
    {"For", "is a loop that the writers of graphs make of While"},
    {"FractionalAvgPool", kFractional},
    {"FractionalMaxPool", kFractional},
    {"FusedBatchNormGradV3", kGradient},
    {"GenerateBoundingBoxProposals", kGpuAlone},
    {"GenerateVocabRemapping", kVocabulary},
    {"GetDeadline", kServing},
    {"GetElementAtIndex", kDataSet},
    {"GetOptions", kDataSet},
    {"GetSessionHandle", kSession},
    {"GetSessionHandleV2", kSession},
    {"GetSessionTensor", kSession},
    {"GlobalIterId", kPinned},
    {"GraphDefVersion", kTest},
    {"HostConst", kRuntime},
    {"IgammaGradA", kGradient},
    {"ImmutableConst", kReads},
    {"ImportEvent", kSummary},
    {"IsResourceHandleRefCounting", kTest},
    {"IsTensorFloat32Enabled", kTest},
    {"IteratorGetNext", "reads a data set"},
    {"KMC2ChainInitialization", kClusters},
    {"KernelLabel", kTest},
    {"KernelLabelRequired", kTest},
    {"KmeansPlusPlusInitialization", kClusters},
    {"LoadAndRemapMatrix", kVocabulary},
    {"MakeWeakResourceHandle", kTest},
    {"MapDefun", kDataSet},
    {"MatchingFiles", "reads directories"},
    {"MaxPoolGradGradWithArgmax", kGradient},
    {"MaxPoolGradWithArgmax", kGradient},
    {"MergeV2Checkpoints", kWrites},
    {"MutexLock", "locks what several calls share"},
    {"MutexV2", "locks what several calls share"},
    {"NegTrain", kTrains},
    {"NextIteration", kLoop},
    {"NonDeterministicInts", "takes its numbers from the machine, which no model can repeat"},
    {"Old", kTest},
    {"OptionalFromValue", kOptional},
    {"OptionalGetValue", kOptional},
    {"OptionalHasValue", kOptional},
    {"OptionalNone", kOptional},
    {"ParameterizedTruncatedNormal", kThreads},
    {"PyFunc", kPython},
    {"PyFuncStateless", kPython},
    {"QuantizedBatchNormWithGlobalNormalization", "is the 8-bit form of a layer of TensorFlow 0.x"},
    {"QuantizedConcatV2", "joins layers of 8-bit integers for one library"},
    {"QuantizedInstanceNorm", "normalises 8-bit images by their own statistics, for one phone"},
    {"QuantizedReluX", kNoKernel},
    {"QuantizedResizeBilinear", kEight},
    {"RandomCrop", kTraining},
    {"RandomIndexShuffle", "shuffles the rows of an input pipeline"},
    {"ReadFile", kReads},
    {"ReadVariableXlaSplitND", kPartition},
    {"RecordInput", kReads},
    {"Recv", "receives from another device"},
    {"RefEnter", kLoop},
    {"RefNextIteration", kLoop},
    {"RefSelect", "forwards one of several variables"},
    {"RequantizationRangePerChannel", "joins layers of 8-bit integers for one library"},
    {"RequantizePerChannel", "joins layers of 8-bit integers for one library"},
    {"ResourceCountUpTo", "counts the rounds of an input pipeline"},
    {"ResourceCreateOp", kTest},
    {"ResourceInitializedOp", kTest},
    {"ResourceUsingOp", kTest},
    {"Restore", kReads},
    {"RestoreSlice", kReads},
    {"SampleDistortedBoundingBox", kTraining},
    {"SampleDistortedBoundingBoxV2", kTraining},
    {"Save", kWrites},
    {"SaveSlices", kWrites},
    {"SaveV2", kWrites},
    {"SegmentMaxV2", kNoKernel},
    {"SegmentMinV2", kNoKernel},
    {"SegmentProdV2", kNoKernel},
    {"SegmentSumV2", kNoKernel},
    {"Send", "sends to another device"},
    {"ShardedFilename", kWrites},
    {"ShardedFilespec", kWrites},
    {"Skipgram", "draws pairs of words for training"},
    {"SleepIdentityOp", kTest},
    {"SleepOp", kTest},
    {"SobolSample", "draws from a table of direction numbers, which search for settings uses"},
    {"Stack", kStack},
    {"StackClose", kStack},
    {"StackCloseV2", kStack},
    {"StackPop", kStack},
    {"StackPopV2", kStack},
    {"StackPush", kStack},
    {"StackPushV2", kStack},
    {"StackV2", kStack},
    {"StatefulStandardNormal", "keeps its algorithm in its state, as no TensorFlow after 2.0 does"},
    {"StatelessParameterizedTruncatedNormal", kThreads},
    {"StatelessSampleDistortedBoundingBox", kTraining},
    {"StochasticCastToInt", "rounds at random, which only training needs"},
    {"StoreMinibatchStatisticsInFdo", kPinned},
    {"StubResourceHandleOp", kTest},
    {"SymbolicGradient", kGradient},
    {"SyncDevice", kRuntime},
    {"TPUPartitionedCall", "is for TPUs; export the model for the CPU"},
    {"TRTEngineOp", "holds code for TensorRT; export the model before the TensorRT conversion"},
    {"TakeManySparseFromTensorsMap", kPackedSparse},
    {"TensorArray", kOldArray},
    {"TensorArrayClose", kOldArray},
    {"TensorArrayCloseV2", kOldArray},
    {"TensorArrayConcat", kOldArray},
    {"TensorArrayConcatV2", kOldArray},
    {"TensorArrayGather", kOldArray},
    {"TensorArrayGatherV2", kOldArray},
    {"TensorArrayGradV3", kGradient},
    {"TensorArrayGradWithShape", kGradient},
    {"TensorArrayPack", kOldArray},
    {"TensorArrayRead", kOldArray},
    {"TensorArrayReadV2", kOldArray},
    {"TensorArrayScatter", kOldArray},
    {"TensorArrayScatterV2", kOldArray},
    {"TensorArraySize", kOldArray},
    {"TensorArraySizeV2", kOldArray},
    {"TensorArraySplit", kOldArray},
    {"TensorArraySplitV2", kOldArray},
    {"TensorArrayUnpack", kOldArray},
    {"TensorArrayV2", kOldArray},
    {"TensorArrayWrite", kOldArray},
    {"TensorArrayWriteV2", kOldArray},
    {"TensorListPushBackBatch", "works on tensors of lists"},
    {"TestAttr", kTest},
    {"Timestamp", "tells the time"},
    {"Unbatch", kServing},
    {"UncompressElement", kDataSet},
    {"WindowOp", kDataSet},
    {"WorkerHeartbeat", kMachines},
    {"WriteFile", kWrites},
    {"XlaCallModule",
     "holds StableHLO code (written by the JAX backend); export with native TensorFlow "
     "serialisation (jax2tf with native_serialization=False), or save the model as .keras"},
    {"_FusedQuantizedConv2D", "joins layers of 8-bit integers for one library"},
    {"_FusedQuantizedDepthwiseConv2D", "joins layers of 8-bit integers for one library"},
    {"_QuantizedMatMul", "joins layers of 8-bit integers for one library"},
    {"_QuantizedMaxPool3D", "joins layers of 8-bit integers for one library"},
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
    {"Collective", kMachines},
    {"Apply", kTrains},
    {"SparseApply", kTrains},
    {"Sdca", kTrains},
    {"Debug", kDebug},
    {"Barrier", kQueue},
    {"Stage", kQueue},
    {"MapStage", kQueue},
    {"MapClear", kQueue},
    {"MapIncompleteSize", kQueue},
    {"MapPeek", kQueue},
    {"MapSize", kQueue},
    {"MapUnstage", kQueue},
    {"OrderedMap", kQueue},
    {"Unstage", kQueue},
    {"Rpc", kMachines},
    {"Nccl", kMachines},
    {"Infeed", kPinned},
    {"Outfeed", kPinned},
    {"Prelinearize", kPinned},
    {"GetMinibatch", kPinned},
    {"StatsAggregator", kDataSet},
    {"ThreadPool", kDataSet},
    {"ExperimentalStatsAggregator", kDataSet},
    {"ExperimentalThreadPool", kDataSet},
    {"CudnnRNNBackprop", kGradient},
    {"__Mkl", "is made for one library on one machine; export the model without that optimisation"},
    {"_", kRuntime},
};

/// Families by what stands anywhere in their names.
constexpr Reason kNameParts[] = {
    {"BoostedTrees", kTrees},
    {"CandidateSampler", kSampled},
    {"Accumulator", kTrains},
    {"TPU", kPinned},
    {"SparseCore", kPinned},
    {"Dataset", kDataSet},
    {"Iterator", kDataSet},
    {"MemoryCache", kDataSet},
    {"SeedGenerator", kDataSet},
    {"IterationCounter", kDataSet},
    {"Summary", kSummary},
    {"Reader", kReads},
    {"Queue", kQueue},
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
  if (op.ends_with("Grad") || op.ends_with("GradV2") || op.ends_with("Gradient")) return kGradient;
  for (const Reason& family : kNameParts) {
    if (op.find(family.op) != op.npos) return family.why;
  }
  return "unknown op";
}

std::string_view outside_effect_of(std::string_view op) {
  static constexpr std::string_view kSaver[] = {
      "MergeV2Checkpoints", "Restore", "RestoreSlice",    "RestoreV2",      "Save",
      "SaveSlices",         "SaveV2",  "ShardedFilename", "ShardedFilespec"};
  static constexpr std::string_view kFileDataSets[] = {
      "CSVDataset",      "CacheDataset", "DatasetFromGraph",     "FixedLengthRecordDataset",
      "LMDBDataset",     "LoadDataset",  "MatchingFilesDataset", "SaveDataset",
      "SnapshotDataset", "SqlDataset",   "TFRecordDataset",      "TextLineDataset"};
  if (std::ranges::find(kSaver, op) != std::end(kSaver)) return {};
  const auto reads_files = [&](std::string_view set) { return op.starts_with(set); };
  if (std::ranges::any_of(kFileDataSets, reads_files)) return "reads files as a data set";
  const std::string_view why = refusal_of(op);
  const bool outside = why == kReads || why == kWrites || why == kPython || why == kMachines ||
                       op == "MatchingFiles";
  return outside ? why : std::string_view();
}

}  // namespace thaw::tf
