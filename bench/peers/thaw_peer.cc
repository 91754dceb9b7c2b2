// One model in Thaw, resident: loads, answers for its outputs, then times rounds on request. Speaks
// the same lines as worker.py, which says what they are.
//   thaw_peer MODEL INPUT.npz... [--threads N] [--cpus 0,1] [--outputs FILE.npz] [--weights f32]
//             [--once] [--plan]
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "thaw/thaw.h"
#include "tools/arrays.h"

namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, which Python's time.monotonic_ns reads

constexpr double kWarmUpSeconds = 0.2;
constexpr std::size_t kLeastCalls = 3;  // of a round, however long they take

struct Options {
  std::string model, outputs, weights = "f32";
  std::vector<std::string> inputs;
  std::vector<int> cpus;
  int threads = 1;
  bool once = false, plan = false;
};

std::int64_t now() { return Clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

void pin(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) throw std::runtime_error("cannot pin");
}

/// {"VmRSS": bytes, ...} of this process, as JSON.
std::string memory() {
  std::ifstream status("/proc/self/status");
  std::string text;
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if ((word == "VmRSS:" || word == "VmHWM:" || word == "RssAnon:" || word == "RssFile:") &&
        status >> kilobytes) {
      text += fmt::format("{}\"{}\": {}", text.empty() ? "" : ", ", word.substr(0, word.size() - 1),
                          kilobytes * 1024);
    }
  }
  return "{" + text + "}";
}

std::vector<std::int64_t> measure(thaw::Session& session,
                                  const std::vector<std::vector<thaw::Tensor>>& inputs,
                                  std::vector<thaw::Tensor>& outputs, double seconds,
                                  std::size_t limit) {
  std::vector<std::int64_t> samples;
  samples.reserve(limit);
  const std::int64_t end = now() + static_cast<std::int64_t>(seconds * 1e9);
  while (samples.size() < limit) {
    const std::vector<thaw::Tensor>& input = inputs[samples.size() % inputs.size()];
    const std::int64_t start = now();
    session.run(input, outputs);
    const std::int64_t stop = now();
    samples.push_back(stop - start);
    if (stop >= end && samples.size() >= kLeastCalls) break;
  }
  return samples;
}

thaw::SessionOptions session_options_of(const Options& options) {
  static const std::map<std::string, thaw::WeightStorage> kStorages = {
      {"f32", thaw::WeightStorage::f32},
      {"fp16", thaw::WeightStorage::fp16},
      {"bf16", thaw::WeightStorage::bf16},
      {"int8", thaw::WeightStorage::int8}};
  thaw::SessionOptions session;
  session.threads = options.threads;
  session.weights = kStorages.at(options.weights);
  return session;
}

int load_once(const Options& options, const std::vector<thaw::tools::NamedArrays>& arrays) {
  const thaw::SessionOptions session_options = session_options_of(options);
  const std::vector<thaw::Tensor> input = {arrays.front().front().second};
  const std::string before = memory();
  const std::int64_t start = now();
  const thaw::Model model = thaw::Model::load(options.model);
  thaw::Session session = model.session(session_options);
  std::vector<thaw::Tensor> outputs;
  session.run(input, outputs);
  const std::int64_t done = now();
  for (int i = 0; i < 10; ++i) session.run(input, outputs);
  fmt::print(
      "{{\"load_ns\": {}, \"first_output_at\": {}, \"before\": {}, \"after\": {}, "
      "\"weight_bytes\": {}, \"arena_bytes\": {}}}\n",
      done - start, done, before, memory(), model.info().weight_bytes, session.stats().arena_bytes);
  return 0;
}

int serve(const Options& options, const std::vector<thaw::tools::NamedArrays>& arrays) {
  const thaw::SessionOptions session_options = session_options_of(options);
  const thaw::Model model = thaw::Model::load(options.model);
  thaw::Session session = model.session(session_options);
  std::vector<std::vector<thaw::Tensor>> inputs;
  for (const thaw::tools::NamedArrays& array : arrays) inputs.push_back({array.front().second});
  thaw::tools::NamedArrays results;
  std::vector<thaw::Tensor> outputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    results.emplace_back(fmt::format("output_{}", i), session.run(inputs[i]).front());
  }
  if (!options.outputs.empty()) thaw::tools::write_arrays(options.outputs, results);
  if (options.plan) std::cerr << session.plan_text();
  fmt::print("{{\"loaded\": true}}\n");
  std::fflush(stdout);
  std::string word;
  if (!(std::cin >> word) || word != "prepare") return 2;
  fmt::print("{{\"version\": \"{}\", \"way\": \"Session::run\", \"planned\": {}}}\n",
             thaw::version(), session.stats().planned);
  std::fflush(stdout);
  measure(session, inputs, outputs, kWarmUpSeconds, 1000);
  while (std::cin >> word && word == "round") {
    double seconds = 0;
    std::size_t limit = 0;
    if (!(std::cin >> seconds >> limit)) return 2;
    fmt::print("{}\n", fmt::join(measure(session, inputs, outputs, seconds, limit), " "));
    std::fflush(stdout);
  }
  return 0;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Times one model in Thaw for bench/peers/run", "thaw_peer");
  app.add_option("MODEL", options.model)->required();
  app.add_option("INPUTS", options.inputs, "npz files, one array each")->required();
  app.add_option("--outputs", options.outputs, "npz file for the outputs of all inputs");
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 1024));
  app.add_option("--cpus", options.cpus)->delimiter(',');
  app.add_option("--weights", options.weights, "How weights are kept")
      ->check(CLI::IsMember({"f32", "fp16", "bf16", "int8"}));
  app.add_flag("--once", options.once, "Load, run once, say how long it took");
  app.add_flag("--plan", options.plan, "Print the plan on stderr");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  pin(options.cpus);
  std::vector<thaw::tools::NamedArrays> arrays;
  for (const std::string& path : options.inputs) {
    arrays.push_back(thaw::tools::read_arrays(path, {}));
  }
  return options.once ? load_once(options, arrays) : serve(options, arrays);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
