// thaw bench: how long loading and running take.
#include "tools/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "runtime/base/check.h"
#include "tools/arrays.h"

namespace thaw::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxSamples = 1'000'000;
constexpr int kWarmUps = 3;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Random elements: normal floats, small integers, texts of one letter.
Tensor random_tensor(const TensorType& type, std::mt19937& rng) {
  Tensor tensor(type.dtype, type.shape);
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> small(0, 1);
  const std::int64_t count = tensor.num_elements();
  if (type.dtype == DType::string) {
    for (std::int64_t i = 0; i < count; ++i) {
      tensor.mutable_data<std::string>()[i] = small(rng) != 0 ? "a" : "b";
    }
    return tensor;
  }
  Tensor values(DType::float32, type.shape);
  for (std::int64_t i = 0; i < count; ++i) {
    values.mutable_data<float>()[i] =
        is_floating(type.dtype) ? normal(rng) : static_cast<float>(small(rng));
  }
  std::string note;
  if (type.dtype == DType::boolean) {
    for (std::int64_t i = 0; i < count; ++i) tensor.mutable_data<bool>()[i] = small(rng) != 0;
    return tensor;
  }
  if (is_floating(type.dtype) && type.dtype != DType::float64 && type.dtype != DType::float32) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = values.data<float>()[i];
      const std::uint16_t bits =
          type.dtype == DType::float16 ? float16_from(value).bits : bfloat16_from(value).bits;
      static_cast<std::uint16_t*>(tensor.mutable_data())[i] = bits;
    }
    return tensor;
  }
  Tensor integers(DType::int8, type.shape);
  if (is_integer(type.dtype)) {
    for (std::int64_t i = 0; i < count; ++i) {
      integers.mutable_data<std::int8_t>()[i] = static_cast<std::int8_t>(values.data<float>()[i]);
    }
  }
  return convert_to(is_integer(type.dtype) ? integers : values, type.dtype, "input", note);
}

/// The first unknown dimension is the batch, the others are `length`.
std::vector<Tensor> random_inputs(const std::vector<TensorSpec>& specs, std::int64_t batch,
                                  std::int64_t length) {
  std::mt19937 rng(1);
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : specs) {
    if (!spec.type.shape.has_rank()) {
      fail(ErrorCode::invalid_argument, "input '{}' has no known rank: give --inputs",
           printable(spec.name));
    }
    std::vector<std::int64_t> dims = spec.type.shape.dims();
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] == kUnknownDim) dims[axis] = axis == 0 ? batch : length;
    }
    inputs.push_back(random_tensor({spec.type.dtype, Shape(dims)}, rng));
  }
  return inputs;
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
    row.samples.insert(row.samples.end(), own.begin(), own.end());
  }
  std::sort(row.samples.begin(), row.samples.end());
  return row;
}

std::vector<Tensor> inputs_for(const BenchOptions& options, const std::vector<TensorSpec>& specs,
                               std::int64_t batch) {
  if (options.inputs.empty()) return random_inputs(specs, batch, options.length);
  return model_inputs(read_arrays(options.inputs, specs), specs, options.inputs);
}

/// Load, plan and first run, each measured once: a warm page cache, a cold process.
Model open_and_time(const BenchOptions& options, BenchReport& report) {
  Clock::time_point start = Clock::now();
  Model model = open_model(options.model);
  report.load_ms = milliseconds_since(start);
  ModelOptions session_of = options.model;
  session_of.threads = options.threads.front();
  Session session = open_session(model, session_of);
  const std::vector<Tensor> inputs = inputs_for(options, session.inputs(), options.batches.front());
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  start = Clock::now();
  session.prepare(shapes);
  report.prepare_ms = milliseconds_since(start);
  start = Clock::now();
  session.run(inputs);
  report.first_run_ms = milliseconds_since(start);
  report.planned = session.stats().planned;
  report.arena_bytes = session.stats().arena_bytes;
  report.weight_bytes = model.info().weight_bytes;
  report.resident_bytes = resident_bytes();
  return model;
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) {
    fail(ErrorCode::failed_precondition, "{}: cannot be written", printable(path, 1024));
  }
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorCode::failed_precondition, "{}: cannot be read", printable(path, 1024));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

int bench(const BenchOptions& options) {
  BenchReport report;
  report.model = options.model.path;
  const std::string old = options.compare.empty() ? "" : read_text(options.compare);
  const Model model = open_and_time(options, report);
  try {
    const std::vector<TensorSpec> specs = open_session(model, options.model).inputs();
    for (const std::int64_t batch : options.batches) {
      const std::vector<Tensor> inputs = inputs_for(options, specs, batch);
      for (const int threads : options.threads) {
        for (const int concurrency : options.concurrencies) {
          report.rows.push_back(
              bench_row(model, options, inputs, {batch, threads, concurrency, {}, 0}));
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
