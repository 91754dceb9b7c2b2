// What the page of supported ops says beside a name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace thaw::tf {

/// The element types, by type attribute, for which answers of TensorFlow are stored in the tests.
struct TestedTypes {
  std::string_view op, types;  // "T float32 int32; Tidx int32"
};
/// Sorted by name. A test makes the list anew from the stored graphs and compares.
std::span<const TestedTypes> tested_types();
/// Empty for an op that no stored graph has, or whose types are fixed.
std::string_view tested_types(std::string_view op);

/// Why no answer of TensorFlow is stored for an op; empty where there is one.
std::string_view untested_reason(std::string_view op);

/// Which uses of an op are refused by name; empty: none that TensorFlow's CPU kernels allow and
/// that is known.
std::string op_limits(std::string_view op);

}  // namespace thaw::tf
