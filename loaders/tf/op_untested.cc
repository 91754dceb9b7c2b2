// Why no answer of TensorFlow is stored for an op.
#include <algorithm>
#include <iterator>

#include "loaders/tf/op_support.h"

namespace thaw::tf {
namespace {

struct UntestedOp {
  std::string_view op, why;
};

constexpr std::string_view kRetired = "none stored: TensorFlow 2.21 runs it no more";
constexpr std::string_view kNoCpuKernel = "none stored: TensorFlow 2.21 has no kernel for CPUs";
constexpr std::string_view kTextOp = "none stored: an op of TensorFlow Text";
constexpr std::string_view kNoElements = "none: it carries no elements";
constexpr std::string_view kFilled = "those of what it fills, in initialisers and checkpoints";
constexpr std::string_view kOlderName = "those of its later form";
constexpr std::string_view kPrinted = "any: it only prints";

// Sorted by name (byte order).
// clang-format off
constexpr UntestedOp kUntested[] = {
    {"AccumulateNV2", kNoCpuKernel},
    {"ApproxTopK", kNoCpuKernel},
    {"BatchCholesky", kRetired},
    {"BatchFFT", kRetired},
    {"BatchFFT2D", kRetired},
    {"BatchFFT3D", kRetired},
    {"BatchIFFT", kRetired},
    {"BatchIFFT2D", kRetired},
    {"BatchIFFT3D", kRetired},
    {"BatchMatrixBandPart", kRetired},
    {"BatchMatrixDeterminant", kRetired},
    {"BatchMatrixDiag", kRetired},
    {"BatchMatrixDiagPart", kRetired},
    {"BatchMatrixInverse", kRetired},
    {"BatchMatrixSetDiag", kRetired},
    {"BatchMatrixSolve", kRetired},
    {"BatchMatrixSolveLs", kRetired},
    {"BatchMatrixTriangularSolve", kRetired},
    {"BatchNormWithGlobalNormalization", kRetired},
    {"BatchSelfAdjointEig", kRetired},
    {"BatchSelfAdjointEigV2", kRetired},
    {"BatchSvd", kRetired},
    {"CTCLossV2", kNoCpuKernel},
    {"CaseFoldUTF8", kTextOp},
    {"CompareAndBitpack", kNoCpuKernel},
    {"ControlTrigger", kNoElements},
    {"DestroyResourceOp", kNoElements},
    {"DisableCopyOnRead", kNoElements},
    {"FFTND", kNoCpuKernel},
    {"IFFTND", kNoCpuKernel},
    {"IRFFTND", kNoCpuKernel},
    {"InitializeTable", kFilled},
    {"InitializeTableFromTextFile", kFilled},
    {"InitializeTableV2", kFilled},
    {"LookupTableImport", kFilled},
    {"LookupTableInsert", kFilled},
    {"LookupTableInsertV2", kFilled},
    {"LookupTableRemoveV2", kFilled},
    {"MatrixExponential", kRetired},
    {"MutableDenseHashTable", kRetired},
    {"NormalizeUTF8", kTextOp},
    {"PlaceholderV2", kRetired},
    {"Print", kPrinted},
    {"PrintV2", kPrinted},
    {"QuantizeAndDequantize", kRetired},
    {"RFFTND", kNoCpuKernel},
    {"RandomPoisson", kRetired},
    {"RefExit", kOlderName},
    {"RemoteCall", kNoElements},
    {"RestoreV2", kFilled},
    {"SelfAdjointEig", kRetired},
    {"StatelessCase", kOlderName},
    {"TensorArrayCloseV3", kNoElements},
    {"TopK", kRetired},
    {"Variable", kOlderName},
    {"_HostCast", kOlderName},
};
// clang-format on

}  // namespace

std::string_view untested_reason(std::string_view op) {
  static_assert(std::ranges::is_sorted(kUntested, {}, &UntestedOp::op));
  const auto* found = std::ranges::lower_bound(kUntested, op, {}, &UntestedOp::op);
  return found != std::end(kUntested) && found->op == op ? found->why : std::string_view();
}

}  // namespace thaw::tf
