// thaw verify: does the loaded model predict what the saved one did?
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "runtime/verify/bisect.h"
#include "tools/arrays.h"
#include "tools/case.h"
#include "tools/commands.h"
#include "tools/verify_cost.h"
#include "tools/verify_report.h"

namespace thaw::tools {
namespace {

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
  bool bisect = false, against_reference = false;
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

void predict_and_compare(const Model& model, const Check& check, Outcome& outcome) {
  Session session = open_session(model, check.model);
  std::optional<Rivals> rivals;
  if (check.against_reference || is_rounded(check.model)) {
    rivals.emplace(model, check.model, check.against_reference);
  }
  for (std::size_t k = 0; k < check.calls.size(); ++k) {
    const std::vector<Tensor> inputs = call_inputs(session, check, check.calls[k]);
    std::vector<Tensor> expected;
    if (!check.expected_file.empty()) {
      expected =
          match_arrays(check.calls[k].expected, session.outputs(), "output", check.expected_file);
    }
    const std::vector<Tensor> results = session.run(inputs);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      std::string name = session.outputs()[i].name;
      if (check.calls.size() > 1) name += fmt::format(" (call {})", k + 1);
      outcome.outputs.emplace_back(name, compare(results[i], expected[i], check.tolerance));
      if (!outcome.outputs.back().second.match) outcome.code = kMismatch;
    }
    if (rivals) rivals->run(inputs, results, check.tolerance);
    if (check.bisect && k == 0) print_bisection(model, check.model, inputs, check.tolerance);
  }
  if (!rivals) return;
  outcome.costs = rivals->costs();
  outcome.reference = rivals->reference();
  for (const DeviceComparison& one : outcome.reference) {
    if (!one.comparison.match) outcome.code = kMismatch;
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
                options.against == "reference",
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
    const bool against_reference = options.against == "reference";
    if (options.paths.size() != 1 || (options.expected.empty() && !against_reference)) {
      fmt::print(stderr,
                 "error: --inputs takes one MODEL, and --expected or --against reference\n");
      return kUsage;
    }
    Check check;
    check.model = options.model;
    check.model.path = options.paths[0];
    check.tolerance = {options.rtol.value_or(1e-4), options.atol.value_or(1e-5)};
    check.bisect = options.bisect;
    check.against_reference = against_reference;
    check.input_file = options.inputs;
    check.expected_file = options.expected;
    try {
      check.calls = {{read_arrays(options.inputs, {}), {}}};
      if (!options.expected.empty()) check.calls[0].expected = read_arrays(options.expected, {});
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
