// The main job on real models: opens every saved form below the given folders, predicts the test
// set, and prints accuracy, the comparison with the writer's own predictions, load time and latency
// as one table.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "loaders/source/npz.h"
#include "runtime/verify/compare.h"
#include "thaw/thaw.h"
#include "tools/arrays.h"
#include "tools/case.h"

namespace thaw::tools {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

struct Row {
  double load_ms = 0, latency_us = 0, accuracy = 0, norm_wise = 0;
  bool match = true;
};

// Class of row `i`: the largest of several probabilities, or p >= 0.5 of one.
int predicted_class(const Tensor& probabilities, std::int64_t i) {
  const std::int64_t classes = probabilities.shape()[1];
  const float* row = probabilities.data<float>() + i * classes;
  if (classes == 1) return row[0] >= 0.5f;
  return static_cast<int>(std::max_element(row, row + classes) - row);
}

double accuracy(const Tensor& probabilities, const Tensor& labels) {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.num_elements(); ++i) {
    right += predicted_class(probabilities, i) == labels.data<std::int64_t>()[i];
  }
  return static_cast<double>(right) / static_cast<double>(labels.num_elements());
}

Tensor first_row(const Tensor& batch) {
  std::vector<std::int64_t> dims = batch.shape().dims();
  dims[0] = 1;
  return Tensor::borrow(batch.dtype(), Shape(dims), batch.data(), nullptr).clone();
}

// Median time of one prediction for a batch of one on one thread, buffers reused as a service
// would.
double latency_us(const Model& model, const std::vector<Tensor>& inputs) {
  SessionOptions options;
  options.threads = 1;
  Session session = model.session(options);
  std::vector<Tensor> single, outputs;
  for (const Tensor& input : inputs) single.push_back(first_row(input));
  for (int i = 0; i < 20; ++i) session.run(single, outputs);
  std::vector<double> times;
  for (int i = 0; i < 300; ++i) {
    const auto start = Clock::now();
    session.run(single, outputs);
    times.push_back(milliseconds(Clock::now() - start) * 1000);
  }
  std::nth_element(times.begin(), times.begin() + 150, times.end());
  return times[150];
}

Row run_form(const Case& test, const CaseForm& form, const Tensor& labels) {
  Row row;
  LoadOptions options;
  options.weights = form.weights;
  const auto start = Clock::now();
  const Model model = Model::load(form.model, options);
  row.load_ms = milliseconds(Clock::now() - start);

  Session session = model.session();
  const std::vector<Tensor> inputs =
      match_arrays(test.input_arrays, session.inputs(), "input", test.folder);
  const std::vector<Tensor> expected =
      match_arrays(test.expected_arrays, session.outputs(), "output", test.folder);
  const std::vector<Tensor> results = session.run(inputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Comparison comparison = compare(results[i], expected[i], test.tolerance);
    row.match &= comparison.match;
    row.norm_wise = std::max(row.norm_wise, comparison.norm_wise);
  }
  row.accuracy = accuracy(results[0], labels);
  row.latency_us = latency_us(model, inputs);
  return row;
}

// The labels lie beside the case as integers of some width.
Tensor read_labels(const std::string& folder) {
  const auto arrays = read_npz(folder + "/labels.npz", Limits{});
  std::string note;
  return convert_to(arrays.at(0).second, DType::int64, "labels", note);
}

std::string latency_text(const Json& json, const char* key) {
  const Json* latency = json.find("keras_latency");
  const Json* value = latency == nullptr ? nullptr : latency->find(key);
  return value == nullptr ? "-" : fmt::format("{:.0f}", value->number());
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string form_name(const CaseForm& form) {
  return form.weights.empty() ? last_part(form.model)
                              : last_part(form.model) + " + " + last_part(form.weights);
}

int main(int argc, char** argv) {
  fmt::print("{:<21} {:<29} {:>8}  {:<8} {:>10} {:>9} {:>12} {:>12} {:>12}\n", "model", "form",
             "accuracy", "verify", "norm-wise", "load ms", "predict us", "model(x) us",
             "tf.func us");
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    const Case test = read_case(argv[i]);
    const Tensor labels = read_labels(test.folder);
    const std::string file = test.folder + "/case.json";
    const Json json = parse_json(read_file(file, Limits{}).text(), file, Limits{});
    for (const CaseForm& form : test.forms) {
      std::string verdict = "error";
      Row row;
      try {
        row = run_form(test, form, labels);
        verdict = row.match ? "match" : "MISMATCH";
        failures += !row.match;
      } catch (const Error& error) {
        ++failures;
        fmt::print(stderr, "{}: {}\n", form.model, error.what());
      }
      fmt::print("{:<21} {:<29} {:>7.2f}%  {:<8} {:>10.2g} {:>9.2f} {:>12.1f} {:>12} {:>12}\n",
                 last_part(test.folder), form_name(form), row.accuracy * 100, verdict,
                 row.norm_wise, row.load_ms, row.latency_us, latency_text(json, "eager"),
                 latency_text(json, "tf_function"));
    }
  }
  fmt::print(
      "\naccuracy: on the test set. verify: predictions against the writer's own, rtol 1e-4, atol "
      "1e-5.\n"
      "predict: one row, one thread, median of 300. model(x), tf.func: the writer's own time for "
      "one row when\n"
      "the models were made, on the machine they were made on.\n");
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace thaw::tools

int main(int argc, char** argv) {
  try {
    return thaw::tools::main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
