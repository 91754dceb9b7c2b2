#include "kernels/cpu/targets.h"

// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/highway.h"
#include "hwy/targets.h"
// clang-format on

namespace thaw::cpu {
namespace {

/// Bits of the targets that were compiled and that this machine has; the lowest is the best.
std::int64_t usable() { return hwy::SupportedTargets() & HWY_TARGETS; }

}  // namespace

std::vector<std::string> vector_targets() {
  std::vector<std::string> names;
  for (std::int64_t rest = usable(); rest != 0; rest &= rest - 1) {
    names.emplace_back(hwy::TargetName(rest & -rest));
  }
  return names;
}

void force_vector_target(const std::string& name) {
  hwy::SetSupportedTargetsForTest(0);  // 0: what the machine has
  std::int64_t chosen = 0;
  for (std::int64_t rest = usable(); rest != 0; rest &= rest - 1) {
    if (name == hwy::TargetName(rest & -rest)) chosen = rest & -rest;
  }
  hwy::SetSupportedTargetsForTest(chosen);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace thaw::cpu
