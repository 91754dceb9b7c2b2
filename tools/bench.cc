// thaw bench: how long loading and running take.
#include "tools/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "runtime/base/check.h"
#include "tools/random_inputs.h"
#include "tools/text_file.h"

namespace thaw::tools {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxSamples = 1'000'000;
constexpr int kWarmUps = 3;
constexpr std::size_t kDriftParts = 10, kLeastOfPart = 5;  // of a row's runs
constexpr int kProfileRuns = 10;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::uint64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

/// Runs one session for `seconds` from the moment at which all sessions are ready.
void measure(Session& session, const std::vector<Tensor>& inputs, double seconds,
             std::barrier<>& start, std::vector<double>& samples) {
  std::vector<Tensor> outputs;
  for (int i = 0; i < kWarmUps; ++i) session.run(inputs, outputs);
  start.arrive_and_wait();
  const Clock::time_point begin = Clock::now();
  Clock::time_point last = begin;
  while (samples.size() < kMaxSamples) {
    session.run(inputs, outputs);
    const Clock::time_point now = Clock::now();
    samples.push_back(std::chrono::duration<double, std::micro>(now - last).count());
    last = now;
    if (std::chrono::duration<double>(now - begin).count() >= seconds) break;
  }
}

double median_of(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

/// Between the lowest and the highest median of `samples`, in order of time, cut into parts.
double drift_of(const std::vector<double>& samples) {
  const std::size_t parts = std::min(kDriftParts, samples.size() / kLeastOfPart);
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * i / parts);
    const auto end =
        samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * (i + 1) / parts);
    const double median = median_of({begin, end});
    low = std::min(low, median);
    high = std::max(high, median);
  }
  return std::max(0.0, high - low);
}

BenchRow bench_row(const Model& model, const BenchOptions& options,
                   const std::vector<Tensor>& inputs, BenchRow row) {
  ModelOptions session_of = options.model;
  session_of.threads = row.threads;
  std::vector<Session> sessions;
  for (int i = 0; i < row.concurrency; ++i) sessions.push_back(open_session(model, session_of));
  std::vector<std::vector<double>> samples(sessions.size());
  std::vector<std::exception_ptr> errors(sessions.size());
  std::barrier<> start(static_cast<std::ptrdiff_t>(sessions.size()));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        measure(sessions[i], inputs, options.seconds, start, samples[i]);
      } catch (...) {
        errors[i] = std::current_exception();
        start.arrive_and_drop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  for (const std::vector<double>& own : samples) {
    double total = 0;
    for (const double sample : own) total += sample;
    if (total > 0) row.runs_per_second += static_cast<double>(own.size()) / (total * 1e-6);
    row.drift = std::max(row.drift, drift_of(own));
    row.samples.insert(row.samples.end(), own.begin(), own.end());
  }
  std::sort(row.samples.begin(), row.samples.end());
  return row;
}

/// Brings the model's files from the disk or the page cache, as a plain reader does.
double time_of_reading(const std::string& path) {
  const Clock::time_point start = Clock::now();
  std::vector<char> block(std::size_t{1} << 20);
  const auto read = [&](const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    }
  };
  std::error_code ignored;  // what cannot be read is the loader's to report
  if (fs::is_directory(path, ignored)) {
    for (fs::recursive_directory_iterator file(path, ignored), end; file != end;
         file.increment(ignored)) {
      if (file->is_regular_file(ignored)) read(file->path());
    }
  } else {
    read(path);
  }
  return milliseconds_since(start);
}

/// Reading, parsing, planning, packing and the first run, each measured once in a fresh process.
Model open_and_time(const BenchOptions& options, BenchReport& report) {
  report.read_ms = time_of_reading(options.model.path);
  Clock::time_point start = Clock::now();
  Model model = open_model(options.model);
  report.load_ms = milliseconds_since(start);
  ModelOptions session_of = options.model;
  session_of.threads = options.threads.front();
  start = Clock::now();
  Session session = open_session(model, session_of);
  const double session_ms = milliseconds_since(start);
  const std::vector<Tensor> inputs =
      timing_inputs(session.inputs(), {options.batches.front(), options.length}, options.inputs);
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  start = Clock::now();
  session.prepare(shapes);
  report.prepare_ms = session_ms + milliseconds_since(start);
  start = Clock::now();
  session.run(inputs);
  report.first_run_ms = milliseconds_since(start);
  const RunStats stats = session.stats();
  report.pack_ms = stats.pack_ms;
  report.planned = stats.planned;
  report.arena_bytes = stats.arena_bytes;
  report.weight_bytes = model.info().weight_bytes;
  report.resident_bytes = resident_bytes();
  report.ops = session.profile(inputs, kProfileRuns);
  return model;
}

}  // namespace

int bench(const BenchOptions& options) {
  BenchReport report;
  report.model = options.model.path;
  report.device = options.model.device;
  report.precision = options.model.precision;
  report.weights_as = options.model.weights_as;
  const std::string old = options.compare.empty() ? "" : read_text(options.compare);
  const Model model = open_and_time(options, report);
  try {
    const std::vector<TensorSpec> specs = open_session(model, options.model).inputs();
    for (const std::int64_t batch : options.batches) {
      const std::vector<Tensor> inputs =
          timing_inputs(specs, {batch, options.length}, options.inputs);
      for (const int threads : options.threads) {
        for (const int concurrency : options.concurrencies) {
          report.rows.push_back(
              bench_row(model, options, inputs, {batch, threads, concurrency, {}, 0, 0}));
        }
      }
      if (!options.inputs.empty()) break;  // the file says the batch
    }
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error, false);
  }
  if (!options.json.empty()) write_text(options.json, bench_json(report));
  if (!options.csv.empty()) write_text(options.csv, bench_csv(report));
  if (!options.svg.empty()) write_text(options.svg, bench_svg(report));
  print_bench(report);
  if (!options.compare.empty()) print_comparison(report, old, options.compare);
  return kMatch;
}

}  // namespace thaw::tools
