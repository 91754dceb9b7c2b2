// cuBLASLt, opened when the first product is prepared.
#pragma once

#include <cublasLt.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

namespace thaw::cuda {

/// Everything that the choice of an algorithm depends on: m, n, k, batches, strides, those of rows
/// and of the result, transposes, pointers, types, epilogue.
using LtKey =
    std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
               std::array<std::int64_t, 4>, bool, bool, bool, int, int, int, int>;

struct LtChoice {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace;
};

/// In the library's order: what it takes for the quickest comes first.
using LtProposals = std::vector<LtChoice>;

/// What the library proposed, once for each product. Any thread may call it.
class LtChoices {
 public:
  /// Empty if it was not asked yet.
  std::optional<LtProposals> find(const LtKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(const LtKey& key, const LtProposals& proposals) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMost) known_.clear();
    known_.emplace(key, proposals);
  }

 private:
  static constexpr std::size_t kMost = 4096;
  mutable std::mutex mutex_;
  std::map<LtKey, LtProposals> known_;
};

/// The functions that this room calls, and a handle. Made once, never closed; null if the library
/// cannot be used. Any thread may call it.
struct CublasLt {
  cublasLtHandle_t handle = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulDescCreate) operation_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) operation_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) operation_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  std::shared_ptr<LtChoices> choices = std::make_shared<LtChoices>();
};
const CublasLt* cublaslt();

}  // namespace thaw::cuda
