// thaw verify: does the loaded model predict what the saved one did?
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "runtime/verify/bisect.h"
#include "runtime/verify/compare.h"
#include "tools/arrays.h"
#include "tools/case.h"
#include "tools/commands.h"

namespace thaw::tools {
namespace {

// What weights in a shorter form change in one output.
struct CompressionCost {
  std::string name;
  Comparison uncompressed, reference;  // against float32 weights, against float64 throughout
};

// What verifying one model gave.
struct Outcome {
  ExitCode code = kMatch;
  bool as_expected = true;  // a model that must be refused was refused with all names
  std::string label;
  std::string error;
  std::vector<std::pair<std::string, Comparison>> outputs;
  std::vector<CompressionCost> costs;  // of --weights-as
};

std::string index_text(const std::vector<std::int64_t>& index) {
  return fmt::format("[{}]", fmt::join(index, ", "));
}

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
  for (const CompressionCost& cost : outcome.costs) {
    fmt::print(
        "  {:<24} compression: norm-wise {:.3g} from float32 weights, {:.3g} from reference "
        "float64; max abs {:.3g}, {:.3g}\n",
        printable(cost.name), cost.uncompressed.norm_wise, cost.reference.norm_wise,
        cost.uncompressed.max_abs, cost.reference.max_abs);
  }
  std::fflush(stdout);
  if (!outcome.error.empty())
    fmt::print(stderr, "{}: {}\n", printable(outcome.label, 1024), outcome.error);
}

Json outcome_json(const Outcome& outcome) {
  Json::Array outputs;
  for (const auto& [name, result] : outcome.outputs) {
    Json::Array index;
    for (std::int64_t i : result.first_index) index.push_back(Json(i));
    outputs.push_back(Json(Json::Object{{"name", Json(name)},
                                        {"match", Json(result.match)},
                                        {"problem", Json(result.problem)},
                                        {"elements", Json(result.elements)},
                                        {"mismatches", Json(result.mismatches)},
                                        {"max_abs", Json(result.max_abs)},
                                        {"max_rel", Json(result.max_rel)},
                                        {"norm_wise", Json(result.norm_wise)},
                                        {"first_bad_index", Json(std::move(index))},
                                        {"first_got", Json(result.first_got)},
                                        {"first_expected", Json(result.first_expected)}}));
  }
  Json::Array costs;
  for (const CompressionCost& cost : outcome.costs) {
    costs.push_back(Json(Json::Object{{"name", Json(cost.name)},
                                      {"norm_wise_from_float32", Json(cost.uncompressed.norm_wise)},
                                      {"norm_wise_from_reference", Json(cost.reference.norm_wise)},
                                      {"max_abs_from_float32", Json(cost.uncompressed.max_abs)},
                                      {"max_abs_from_reference", Json(cost.reference.max_abs)}}));
  }
  return Json(Json::Object{{"model", Json(outcome.label)},
                           {"exit_code", Json(std::int64_t{outcome.code})},
                           {"as_expected", Json(outcome.as_expected)},
                           {"error", Json(outcome.error)},
                           {"outputs", Json(std::move(outputs))},
                           {"compression", Json(std::move(costs))}});
}

Session open_oracle(const Model& model, ModelOptions options) {
  options.device = "reference";
  options.precision = "f64";
  options.weights_as = "f32";
  return open_session(model, options);
}

std::vector<Tensor> oracle_inputs(const Session& oracle, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::string note;
    wide.push_back(inputs[i].empty() ? inputs[i]
                                     : convert_to(inputs[i], oracle.inputs()[i].type.dtype,
                                                  oracle.inputs()[i].name, note));
  }
  return wide;
}

void print_bisection(const Model& model, const ModelOptions& options,
                     const std::vector<Tensor>& inputs, const Tolerance& tolerance) {
  Session suspect = open_session(model, options), oracle = open_oracle(model, options);
  const std::vector<Tensor> wide = oracle_inputs(oracle, inputs);
  const Bisection result =
      bisect([&](const Visit& visit) { suspect.trace(inputs, visit); },
             [&](const Visit& visit) { oracle.trace(wide, visit); }, tolerance);
  if (!result.first) {
    fmt::print("  bisect: all {} intermediate values match reference float64\n",
               result.values.size());
    return;
  }
  const TracedValue& first = result.values[*result.first];
  fmt::print("  bisect: the first layer that leaves reference float64 is '{}' (value {} of {})\n",
             printable(first.name), *result.first + 1, result.values.size());
  print_comparison(first.name, first.comparison);
}

// One prediction and what it must give.
struct Call {
  NamedArrays inputs, expected;
};

struct Check {
  ModelOptions model;
  std::vector<Call> calls;  // of one session, in order
  Tolerance tolerance;
  bool fill_defaults = false;  // inputs that are not given take their defaults
  bool bisect = false;
  std::string input_file, expected_file;
};

std::vector<Tensor> call_inputs(const Session& session, const Check& check, const Call& call) {
  if (!check.fill_defaults) return model_inputs(call.inputs, session.inputs(), check.input_file);
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : session.inputs()) {
    const auto given = std::find_if(call.inputs.begin(), call.inputs.end(),
                                    [&](const auto& entry) { return entry.first == spec.name; });
    inputs.push_back(given == call.inputs.end() ? Tensor() : given->second);
  }
  return inputs;
}

// Runs the same calls with the weights as they are, and in float64.
class CompressionMeter {
 public:
  CompressionMeter(const Model& model, ModelOptions options)
      : oracle_(open_oracle(model, options)), plain_(open_plain(model, options)) {}

  void add(const std::vector<Tensor>& inputs, const std::vector<Tensor>& results,
           const Tolerance& tolerance, std::vector<CompressionCost>& costs) {
    const std::vector<Tensor> plain = plain_.run(inputs);
    const std::vector<Tensor> exact = oracle_.run(oracle_inputs(oracle_, inputs));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!is_floating(results[i].dtype())) continue;
      costs.push_back({plain_.outputs()[i].name, compare(results[i], plain[i], tolerance),
                       compare(results[i], exact[i], tolerance)});
    }
  }

 private:
  static Session open_plain(const Model& model, ModelOptions options) {
    options.weights_as = "f32";
    return open_session(model, options);
  }

  Session oracle_, plain_;
};

void predict_and_compare(const Model& model, const Check& check, Outcome& outcome) {
  Session session = open_session(model, check.model);
  std::optional<CompressionMeter> meter;
  if (check.model.weights_as != "f32") meter.emplace(model, check.model);
  for (std::size_t k = 0; k < check.calls.size(); ++k) {
    const std::vector<Tensor> inputs = call_inputs(session, check, check.calls[k]);
    const std::vector<Tensor> expected =
        match_arrays(check.calls[k].expected, session.outputs(), "output", check.expected_file);
    const std::vector<Tensor> results = session.run(inputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      std::string name = session.outputs()[i].name;
      if (check.calls.size() > 1) name += fmt::format(" (call {})", k + 1);
      outcome.outputs.emplace_back(name, compare(results[i], expected[i], check.tolerance));
      if (!outcome.outputs.back().second.match) outcome.code = kMismatch;
    }
    if (meter) meter->add(inputs, results, check.tolerance, outcome.costs);
    if (check.bisect && k == 0) print_bisection(model, check.model, inputs, check.tolerance);
  }
}

// Loads and checks one model; failures become the outcome.
Outcome verify_model(const Check& check, const std::string& label) {
  Outcome outcome;
  outcome.label = label;
  bool loading = true;
  try {
    const Model model = open_model(check.model);
    loading = false;
    predict_and_compare(model, check, outcome);
  } catch (const Error& error) {
    outcome.code = exit_code(error, loading);
    outcome.error = error.what();
  }
  outcome.as_expected = outcome.code == kMatch;
  return outcome;
}

void expect_refusal(const Case& test, Outcome& outcome) {
  outcome.as_expected = outcome.code == kUnsupported;
  for (const std::string& name : test.refuse_names) {
    if (outcome.error.find(name) != std::string::npos) continue;
    outcome.as_expected = false;
    outcome.error += fmt::format("\nthe refusal should name '{}'", printable(name));
  }
  if (outcome.code == kMatch) outcome.code = kMismatch;
}

std::vector<Outcome> verify_case(const std::string& folder, const VerifyOptions& options) {
  std::vector<Outcome> outcomes;
  const Case test = read_case(folder);
  for (const CaseForm& form : test.forms) {
    Check check{options.model,
                {},
                test.tolerance,
                false,
                options.bisect,
                test.folder + "/inputs.npz",
                test.folder + "/expected.npz"};
    for (const CaseCall& call : test.calls) {
      // A model that must be refused has no expected arrays.
      if (test.refuse) break;
      check.calls.push_back(
          {select_arrays(test.input_arrays, call.inputs, form.inputs, test.folder),
           select_arrays(expected_of(test, form), call.outputs, form.outputs, test.folder)});
    }
    check.tolerance.rtol = options.rtol.value_or(check.tolerance.rtol);
    check.tolerance.atol = options.atol.value_or(check.tolerance.atol);
    check.model.path = form.model;
    check.model.weights = form.weights;
    check.model.signature = form.signature;
    const bool by_tensor_name = form.kind == "graphdef" || form.kind == "checkpoint_meta";
    if (by_tensor_name) {
      check.model.graph_inputs = form.inputs;
      check.model.graph_outputs = form.outputs;
    }
    const std::string label = test.forms.size() == 1 ? test.folder : form.model;
    outcomes.push_back(verify_model(check, label));
    if (test.refuse) {
      expect_refusal(test, outcomes.back());
      continue;
    }
    if (test.const_inputs.empty() || outcomes.back().code != kMatch) continue;
    // Once more with the frozen constants fed as inputs, so that nothing is folded before a kernel
    // runs.
    for (const std::string& name : test.const_inputs) {
      check.model.graph_inputs.push_back(name.find(':') == std::string::npos ? name + ":0" : name);
    }
    check.fill_defaults = true;
    outcomes.push_back(verify_model(check, label + " (constants fed)"));
  }
  return outcomes;
}

// Verifies and prints one case; a case that cannot be read is an outcome too.
std::vector<Outcome> run_case(const std::string& folder, const VerifyOptions& options) {
  std::vector<Outcome> outcomes;
  try {
    outcomes = verify_case(folder, options);
  } catch (const Error& error) {
    Outcome outcome;
    outcome.code = exit_code(error, true);
    outcome.as_expected = false;
    outcome.label = folder;
    outcome.error = error.what();
    outcomes.push_back(std::move(outcome));
  }
  if (!options.json) {
    for (const Outcome& outcome : outcomes) print_outcome(outcome, options.quiet);
  }
  return outcomes;
}

std::vector<Outcome> run_cases(const VerifyOptions& options) {
  std::vector<Outcome> outcomes;
  for (const std::string& path : options.paths) {
    // A wildcard over a folder of cases also gives the page that describes them.
    std::error_code unreadable;
    if (options.paths.size() > 1 && std::filesystem::is_regular_file(path, unreadable)) {
      fmt::print(stderr, "note: {}: a file, not a case's folder: left out\n", path);
      continue;
    }
    for (Outcome& outcome : run_case(path, options)) outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

// The worst of several: a wrong prediction outweighs everything, then damage, device, usage,
// refusal.
ExitCode worst(const std::vector<Outcome>& outcomes) {
  for (ExitCode code : {kMismatch, kDamaged, kDevice, kUsage, kUnsupported}) {
    for (const Outcome& outcome : outcomes) {
      if (outcome.code == code && !outcome.as_expected) return code;
    }
  }
  return kMatch;
}

}  // namespace

int verify(const VerifyOptions& options) {
  std::vector<Outcome> outcomes;
  if (!options.inputs.empty()) {
    if (options.paths.size() != 1 || options.expected.empty()) {
      fmt::print(stderr, "error: --inputs takes one MODEL and --expected\n");
      return kUsage;
    }
    Check check;
    check.model = options.model;
    check.model.path = options.paths[0];
    check.tolerance = {options.rtol.value_or(1e-4), options.atol.value_or(1e-5)};
    check.bisect = options.bisect;
    check.input_file = options.inputs;
    check.expected_file = options.expected;
    try {
      check.calls = {{read_arrays(options.inputs, {}), read_arrays(options.expected, {})}};
    } catch (const Error& error) {
      fmt::print(stderr, "error: {}\n", error.what());
      return kUsage;
    }
    outcomes.push_back(verify_model(check, options.paths[0]));
    if (!options.json) print_outcome(outcomes.back(), options.quiet);
  } else {
    outcomes = run_cases(options);
    if (outcomes.empty()) {
      fmt::print(stderr, "error: none of the arguments is the folder of a case\n");
      return kUsage;
    }
  }
  if (options.json) {
    Json::Array results;
    for (const Outcome& outcome : outcomes) results.push_back(outcome_json(outcome));
    fmt::print("{}\n", Json(std::move(results)).dump());
  } else if (outcomes.size() > 1) {
    const auto count = [&](auto holds) {
      return std::count_if(outcomes.begin(), outcomes.end(), holds);
    };
    fmt::print("{} verified: {} match, {} refused ({} as expected), {} failed\n", outcomes.size(),
               count([](const Outcome& o) { return o.code == kMatch; }),
               count([](const Outcome& o) { return o.code == kUnsupported; }),
               count([](const Outcome& o) { return o.code == kUnsupported && o.as_expected; }),
               count([](const Outcome& o) { return o.code != kMatch && o.code != kUnsupported; }));
  }
  // A single model says what became of it, also where its case expects the refusal.
  return outcomes.size() == 1 ? outcomes[0].code : worst(outcomes);
}

}  // namespace thaw::tools
