// The names that attribute values have in a graph's text.
#pragma once

#include <array>

#include "runtime/ir/ops.h"

namespace thaw::text {

/// Names of an enum in the order of its values.
template <class Kind>
struct Names;

// clang-format off
template <> struct Names<PaddingKind> {
  static constexpr std::array value{"valid", "same", "causal", "explicit"}; };
template <> struct Names<PoolKind> { static constexpr std::array value{"max", "average"}; };
template <> struct Names<ReduceKind> {
  static constexpr std::array value{"sum", "mean", "prod", "max", "min", "all", "any"}; };
template <> struct Names<ScanKind> { static constexpr std::array value{"sum", "prod"}; };
template <> struct Names<PadMode> {
  static constexpr std::array value{"constant", "reflect", "symmetric"}; };
template <> struct Names<ResizeMethod> {
  static constexpr std::array value{
      "nearest",  "bilinear", "bicubic",  "area", "lanczos1",   "lanczos3",
      "lanczos5", "gaussian", "box", "triangle", "keys_cubic", "mitchell_cubic"}; };
template <> struct Names<ScatterKind> {
  static constexpr std::array value{"update", "add", "mul", "max", "min"}; };
template <> struct Names<CellKind> { static constexpr std::array value{"lstm", "gru", "simple"}; };
template <> struct Names<ShapeQueryKind> {
  static constexpr std::array value{"shape", "size", "rank"}; };
// clang-format on

template <class Kind>
concept Named = requires {
  Names<Kind>::value;
};

}  // namespace thaw::text
