// A benchmark's results as table, JSON, CSV and SVG, and against earlier ones.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "tools/bench.h"
#include "tools/profile.h"

namespace thaw::tools {
namespace {

constexpr std::size_t kProfileRows = 20;
constexpr double kQuantiles[] = {0.1, 0.5, 0.9, 0.99, 0.999};
constexpr const char* kQuantileNames[] = {"p10_us", "p50_us", "p90_us", "p99_us", "p999_us"};

double rows_per_second(const BenchRow& row) {
  return row.runs_per_second * static_cast<double>(row.batch);
}

Json row_json(const BenchRow& row) {
  Json::Object object{{"name", Json(row.name())},
                      {"batch", Json(row.batch)},
                      {"threads", Json(std::int64_t{row.threads})},
                      {"concurrency", Json(std::int64_t{row.concurrency})},
                      {"runs", Json(static_cast<std::int64_t>(row.samples.size()))},
                      {"runs_per_second", Json(row.runs_per_second)},
                      {"noise_us", Json(row.noise())}};
  for (std::size_t i = 0; i < std::size(kQuantiles); ++i) {
    object.emplace_back(kQuantileNames[i], Json(row.quantile(kQuantiles[i])));
  }
  return Json(std::move(object));
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

std::string BenchRow::name() const {
  return fmt::format("batch={} threads={} sessions={}", batch, threads, concurrency);
}

double BenchRow::quantile(double fraction) const {
  if (samples.empty()) return 0;
  const auto last = static_cast<double>(samples.size() - 1);
  return samples[static_cast<std::size_t>(std::llround(fraction * last))];
}

double BenchRow::noise() const {
  if (samples.empty()) return 0;
  const double notch =
      1.57 * (quantile(0.75) - quantile(0.25)) / std::sqrt(static_cast<double>(samples.size()));
  return std::max(notch, drift / 2);
}

std::string bench_json(const BenchReport& report) {
  Json::Array rows;
  for (const BenchRow& row : report.rows) rows.push_back(row_json(row));
  const auto size = [](std::uint64_t bytes) { return Json(static_cast<std::int64_t>(bytes)); };
  return Json(Json::Object{{"model", Json(report.model)},
                           {"device", Json(report.device)},
                           {"precision", Json(report.precision)},
                           {"weights_as", Json(report.weights_as)},
                           {"thaw", Json(std::string(version()))},
                           {"read_ms", Json(report.read_ms)},
                           {"load_ms", Json(report.load_ms)},
                           {"prepare_ms", Json(report.prepare_ms)},
                           {"pack_ms", Json(report.pack_ms)},
                           {"first_run_ms", Json(report.first_run_ms)},
                           {"planned", Json(report.planned)},
                           {"weight_bytes", size(report.weight_bytes)},
                           {"arena_bytes", size(report.arena_bytes)},
                           {"resident_bytes", size(report.resident_bytes)},
                           {"rows", Json(std::move(rows))},
                           {"ops", profile_json(report.ops)}})
             .dump() +
         "\n";
}

std::string bench_csv(const BenchReport& report) {
  std::string csv = "batch,threads,sessions,runs,runs_per_second";
  for (const char* name : kQuantileNames) csv += fmt::format(",{}", name);
  csv += "\n";
  for (const BenchRow& row : report.rows) {
    csv += fmt::format("{},{},{},{},{}", row.batch, row.threads, row.concurrency,
                       row.samples.size(), row.runs_per_second);
    for (const double fraction : kQuantiles) csv += fmt::format(",{}", row.quantile(fraction));
    csv += "\n";
  }
  return csv;
}

std::string bench_svg(const BenchReport& report) {
  constexpr double kWidth = 640, kHeight = 320, kLeft = 40, kTop = 20;
  constexpr const char* kColours[] = {"#1b6ca8", "#c1440e", "#2e8540", "#7b3f99", "#8a6d00"};
  double low = 1e300, high = 0;
  for (const BenchRow& row : report.rows) {
    low = std::min(low, row.quantile(0));
    high = std::max(high, row.quantile(1));
  }
  low = std::max(low, 1e-3);
  const double span = std::max(std::log(high / low), 1e-9);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
      "font-family=\"sans-serif\" "
      "font-size=\"12\">\n",
      kWidth + 2 * kLeft, kHeight + 2 * kTop + 20 + 16 * static_cast<double>(report.rows.size()));
  svg += fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>\n", kLeft,
      kTop, kWidth, kHeight);
  svg += fmt::format("<text x=\"{}\" y=\"{}\">{:.3g} us</text>\n", kLeft, kTop + kHeight + 16, low);
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.3g} us</text>\n",
                     kLeft + kWidth, kTop + kHeight + 16, high);
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const BenchRow& row = report.rows[i];
    const char* colour = kColours[i % std::size(kColours)];
    svg += fmt::format("<polyline fill=\"none\" stroke=\"{}\" points=\"", colour);
    for (int step = 0; step <= 200; ++step) {
      const double fraction = step / 200.0;
      const double at = std::max(row.quantile(fraction), low);
      svg += fmt::format("{:.1f},{:.1f} ", kLeft + kWidth * std::log(at / low) / span,
                         kTop + kHeight * (1 - fraction));
    }
    svg += fmt::format("\"/>\n<text x=\"{}\" y=\"{}\" fill=\"{}\">{}: median {:.3g} us</text>\n",
                       kLeft, kTop + kHeight + 36 + 16 * static_cast<double>(i), colour, row.name(),
                       row.quantile(0.5));
  }
  return svg + "</svg>\n";
}

void print_bench(const BenchReport& report) {
  fmt::print("{}\n", printable(report.model, 1024));
  // Weights of a graph that is interpreted are packed in its first run.
  const double planning = report.planned ? report.prepare_ms - report.pack_ms : report.prepare_ms;
  fmt::print(
      "load        read {:.2f} ms, parse {:.2f} ms, plan {:.2f} ms, pack {:.2f} ms, "
      "first run {:.2f} ms\n",
      report.read_ms, report.load_ms, planning, report.pack_ms, report.first_run_ms);
  fmt::print("memory      weights {}, arena {}, process {}{}\n\n", megabytes(report.weight_bytes),
             megabytes(report.arena_bytes), megabytes(report.resident_bytes),
             report.planned ? "" : "; interpreted op by op");
  fmt::print("{:>7} {:>8} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>12}\n", "batch", "threads",
             "sessions", "runs", "p50 us", "p90 us", "p99 us", "p99.9 us", "rows/s");
  for (const BenchRow& row : report.rows) {
    fmt::print("{:>7} {:>8} {:>9} {:>9} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>12.0f}\n",
               row.batch, row.threads, row.concurrency, row.samples.size(), row.quantile(0.5),
               row.quantile(0.9), row.quantile(0.99), row.quantile(0.999), rows_per_second(row));
  }
  fmt::print("\n");
  print_profile(report.ops, kProfileRows);
}

namespace {

/// What was asked for otherwise when the old figures were taken.
void note_differences(const BenchReport& report, const Json& old) {
  const std::pair<const char*, const std::string&> settings[] = {{"model", report.model},
                                                                 {"device", report.device},
                                                                 {"precision", report.precision},
                                                                 {"weights_as", report.weights_as}};
  for (const auto& [name, now] : settings) {
    const Json* before = old.find(name);
    if (before == nullptr || !before->is_string() || before->string() == now) continue;
    fmt::print("note: {} was {}, now {}\n", name, printable(before->string(), 1024),
               printable(now, 1024));
  }
}

}  // namespace

void print_comparison(const BenchReport& report, const std::string& old_json,
                      const std::string& file) {
  const Json old = parse_json(old_json, file, Limits{});
  std::map<std::string, std::pair<double, double>> before;  // median and its noise
  for (const Json& row : old.at("rows").array()) {
    before[row.at("name").string()] = {row.at("p50_us").number(), row.at("noise_us").number()};
  }
  fmt::print("\nagainst {}\n", printable(file, 1024));
  note_differences(report, old);
  for (const BenchRow& row : report.rows) {
    const auto found = before.find(row.name());
    if (found == before.end()) {
      fmt::print("{:<36} not measured there\n", row.name());
      continue;
    }
    const auto [median, noise] = found->second;
    const double now = row.quantile(0.5);
    const bool differs = std::abs(now - median) > noise + row.noise();
    fmt::print("{:<36} {:.1f} us -> {:.1f} us, {:.3f}x {}\n", row.name(), median, now,
               now > 0 ? median / now : 0.0,
               !differs       ? "(noise)"
               : now < median ? "faster"
                              : "slower");
  }
}

}  // namespace thaw::tools
