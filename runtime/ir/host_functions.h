// The functions that HostCall nodes name, and the types of their results.
//
// One file per family in runtime/ir/host/ (types) and in kernels/host/ (code).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "runtime/ir/infer_util.h"

namespace thaw {

struct HostFunction {
  std::string_view name;
  /// Result types; dimensions that depend on the operands' elements are unknown.
  inference::Types (*infer)(const ops::HostCall& call, const inference::Context& context);
  /// False for random numbers: the node is never folded.
  bool deterministic = true;
  /// The function is about its operands' own element types (bits, encodings): the float64 oracle
  /// runs it in them.
  bool keeps_types = false;
};

/// Null if there is none of this name.
const HostFunction* find_host_function(std::string_view name);
/// All of them, by family.
std::vector<std::span<const HostFunction>> host_function_families();

}  // namespace thaw
