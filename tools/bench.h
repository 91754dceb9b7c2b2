// What a benchmark measures and how it is written down.
#pragma once

#include <string>
#include <vector>

#include "tools/commands.h"

namespace thaw::tools {

/// Times of one way to call the model, in microseconds.
struct BenchRow {
  std::int64_t batch = 1;
  int threads = 1, concurrency = 1;
  std::vector<double> samples;  // one per run, in ascending order
  double runs_per_second = 0;   // of all sessions together
  double drift = 0;             // how far the medians of the row's parts lie from one another

  std::string name() const;
  /// The sample below which `fraction` of the runs lie.
  double quantile(double fraction) const;
  /// Medians further apart than the sum of two of these differ: half the width of the notch of a
  /// box plot (about 95 % for independent samples), or half the drift where that is more, since
  /// other work on the machine comes and goes for longer than a run takes.
  double noise() const;
};

struct BenchReport {
  std::string model, device, precision, weights_as;
  /// Reading the files (from the page cache if they are there); opening the model from them;
  /// planning, packing of weights included; that packing (before and in the first run); the first
  /// run.
  double read_ms = 0, load_ms = 0, prepare_ms = 0, pack_ms = 0, first_run_ms = 0;
  std::uint64_t resident_bytes = 0, weight_bytes = 0, arena_bytes = 0;
  bool planned = false;
  std::vector<BenchRow> rows;
  Profile ops;  // of the first batch size and number of threads
};

std::string bench_json(const BenchReport& report);
std::string bench_csv(const BenchReport& report);
/// Cumulative distributions of all rows over a logarithmic time axis.
std::string bench_svg(const BenchReport& report);
/// A table for people.
void print_bench(const BenchReport& report);
/// Rows of both reports under one name, with the ratio of the medians and whether it is noise.
/// `old_json` is what bench_json wrote. Throws Error(invalid_argument) naming `file`.
void print_comparison(const BenchReport& report, const std::string& old_json,
                      const std::string& file);

}  // namespace thaw::tools
