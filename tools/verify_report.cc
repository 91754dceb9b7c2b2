#include "tools/verify_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/check.h"

namespace thaw::tools {
namespace {

std::string index_text(const std::vector<std::int64_t>& index) {
  return fmt::format("[{}]", fmt::join(index, ", "));
}

Json comparison_json(const std::string& name, const Comparison& result) {
  Json::Array index;
  for (std::int64_t i : result.first_index) index.push_back(Json(i));
  return Json(Json::Object{{"name", Json(name)},
                           {"match", Json(result.match)},
                           {"problem", Json(result.problem)},
                           {"elements", Json(result.elements)},
                           {"mismatches", Json(result.mismatches)},
                           {"max_abs", Json(result.max_abs)},
                           {"max_rel", Json(result.max_rel)},
                           {"norm_wise", Json(result.norm_wise)},
                           {"first_bad_index", Json(std::move(index))},
                           {"first_got", Json(result.first_got)},
                           {"first_expected", Json(result.first_expected)}});
}

Json cost_json(const RoundingCost& cost) {
  return Json(Json::Object{{"name", Json(cost.name)},
                           {"form", Json(cost.form)},
                           {"norm_wise_from_float32", Json(cost.from_float32.norm_wise)},
                           {"norm_wise_from_reference", Json(cost.from_reference.norm_wise)},
                           {"max_abs_from_float32", Json(cost.from_float32.max_abs)},
                           {"max_abs_from_reference", Json(cost.from_reference.max_abs)}});
}

}  // namespace

void print_comparison(const std::string& name, const Comparison& result) {
  if (!result.problem.empty()) {
    fmt::print("  {:<24} MISMATCH  {}\n", printable(name), result.problem);
    return;
  }
  fmt::print("  {:<24} {}  max abs {:.3g}  max rel {:.3g}  norm-wise {:.3g}  ({} elements)\n",
             printable(name), result.match ? "match   " : "MISMATCH", result.max_abs,
             result.max_rel, result.norm_wise, result.elements);
  if (!result.match) {
    fmt::print("    {} of {} elements differ; first at {}: got {}, expected {}\n",
               result.mismatches, result.elements, index_text(result.first_index), result.first_got,
               result.first_expected);
  }
}

void print_outcome(const Outcome& outcome, bool quiet) {
  static constexpr const char* kWords[] = {"match",   "MISMATCH", "USAGE",
                                           "refused", "DEVICE",   "DAMAGED"};
  if (quiet && outcome.as_expected) return;
  fmt::print("{}: {}{}\n", printable(outcome.label, 1024), kWords[outcome.code],
             outcome.code == kUnsupported && outcome.as_expected ? " as expected" : "");
  for (const auto& [name, comparison] : outcome.outputs) print_comparison(name, comparison);
  for (const RoundingCost& cost : outcome.costs) {
    fmt::print(
        "  {:<24} {}: norm-wise {:.3g} from float32, {:.3g} from reference float64; max abs "
        "{:.3g}, "
        "{:.3g}\n",
        printable(cost.name), cost.form, cost.from_float32.norm_wise, cost.from_reference.norm_wise,
        cost.from_float32.max_abs, cost.from_reference.max_abs);
  }
  if (!outcome.reference.empty()) fmt::print("  against reference float64:\n");
  for (const DeviceComparison& one : outcome.reference) {
    print_comparison(fmt::format("{} on {}", one.name, one.device), one.comparison);
  }
  std::fflush(stdout);
  if (!outcome.error.empty())
    fmt::print(stderr, "{}: {}\n", printable(outcome.label, 1024), outcome.error);
}

Json outcome_json(const Outcome& outcome) {
  Json::Array outputs, costs, reference;
  for (const auto& [name, result] : outcome.outputs)
    outputs.push_back(comparison_json(name, result));
  for (const RoundingCost& cost : outcome.costs) costs.push_back(cost_json(cost));
  for (const DeviceComparison& one : outcome.reference) {
    reference.push_back(Json(Json::Object{
        {"device", Json(one.device)}, {"comparison", comparison_json(one.name, one.comparison)}}));
  }
  return Json(Json::Object{{"model", Json(outcome.label)},
                           {"exit_code", Json(std::int64_t{outcome.code})},
                           {"as_expected", Json(outcome.as_expected)},
                           {"error", Json(outcome.error)},
                           {"outputs", Json(std::move(outputs))},
                           {"against_reference", Json(std::move(reference))},
                           {"compression", Json(std::move(costs))}});
}

}  // namespace thaw::tools
