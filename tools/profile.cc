// thaw profile: where the time of a run goes.
#include "tools/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "runtime/base/check.h"
#include "tools/commands.h"
#include "tools/random_inputs.h"
#include "tools/text_file.h"

namespace thaw::tools {
namespace {

constexpr std::size_t kNameWidth = 36;

double sum_of_ops(const Profile& profile) {
  double sum = 0;
  for (const OpTime& op : profile.ops) sum += op.microseconds;
  return sum;
}

std::vector<const OpTime*> slowest_first(const std::vector<OpTime>& ops) {
  std::vector<const OpTime*> sorted;
  for (const OpTime& op : ops) sorted.push_back(&op);
  std::stable_sort(sorted.begin(), sorted.end(), [](const OpTime* a, const OpTime* b) {
    return a->microseconds > b->microseconds;
  });
  return sorted;
}

/// Billions a second, or nothing where it is not known.
std::string rate(double amount, double microseconds) {
  if (amount <= 0 || microseconds <= 0) return "-";
  return fmt::format("{:.1f}", amount / microseconds * 1e-3);
}

double per_run(const Profile& profile, double amount) {
  return profile.runs > 0 ? amount / profile.runs : 0;
}

/// The end of a long name tells more than its scopes.
std::string tail(const std::string& name) {
  const std::string text = printable(name, 4096);
  return text.size() <= kNameWidth ? text : "..." + text.substr(text.size() - kNameWidth + 3);
}

void print_kinds(const Profile& profile, double total) {
  std::map<std::string, OpTime> kinds;
  for (const OpTime& op : profile.ops) {
    OpTime& kind = kinds[op.op];
    kind.op = op.op;
    kind.launches += op.launches;
    kind.microseconds += op.microseconds;
    kind.flops += op.flops;
    kind.bytes += op.bytes;
  }
  std::vector<OpTime> list;
  for (auto& [name, kind] : kinds) list.push_back(kind);
  fmt::print("{:<18} {:>9} {:>11} {:>6} {:>9} {:>8}\n", "kind", "launches", "us/run", "%",
             "GFLOP/s", "GB/s");
  for (const OpTime* kind : slowest_first(list)) {
    fmt::print("{:<18} {:>9.0f} {:>11.2f} {:>6.1f} {:>9} {:>8}\n", kind->op,
               per_run(profile, static_cast<double>(kind->launches)),
               per_run(profile, kind->microseconds),
               total > 0 ? 100 * kind->microseconds / total : 0,
               rate(kind->flops, kind->microseconds), rate(kind->bytes, kind->microseconds));
  }
}

}  // namespace

void print_profile(const Profile& profile, std::size_t max_rows) {
  const double total = sum_of_ops(profile);
  fmt::print("{} runs, {:.2f} us each, {:.2f} us of them in ops\n\n", profile.runs,
             per_run(profile, profile.microseconds), per_run(profile, total));
  print_kinds(profile, total);
  fmt::print("\n{:<{}} {:<18} {:>9} {:>11} {:>6} {:>9} {:>8}  {}\n", "node", kNameWidth, "kind",
             "launches", "us/run", "%", "GFLOP/s", "GB/s", "kernel: types");
  std::size_t row = 0;
  for (const OpTime* op : slowest_first(profile.ops)) {
    if (row++ == max_rows) break;
    fmt::print("{:<{}} {:<18} {:>9.0f} {:>11.2f} {:>6.1f} {:>9} {:>8}  {}: {}\n", tail(op->name),
               kNameWidth, op->op, per_run(profile, static_cast<double>(op->launches)),
               per_run(profile, op->microseconds), total > 0 ? 100 * op->microseconds / total : 0,
               rate(op->flops, op->microseconds), rate(op->bytes, op->microseconds), op->kernel,
               op->types);
  }
  if (profile.ops.size() > max_rows) {
    fmt::print("... and {} more\n", profile.ops.size() - max_rows);
  }
}

Json profile_json(const Profile& profile) {
  Json::Array ops;
  for (const OpTime& op : profile.ops) {
    ops.push_back(Json(Json::Object{{"name", Json(op.name)},
                                    {"op", Json(op.op)},
                                    {"kernel", Json(op.kernel)},
                                    {"types", Json(op.types)},
                                    {"launches", Json(op.launches)},
                                    {"us", Json(op.microseconds)},
                                    {"flops", Json(op.flops)},
                                    {"bytes", Json(op.bytes)}}));
  }
  return Json(Json::Object{{"runs", Json(std::int64_t{profile.runs})},
                           {"us", Json(profile.microseconds)},
                           {"nodes", Json(std::move(ops))}});
}

std::string chrome_trace(const Profile& profile) {
  Json::Array events;
  for (const LaunchTime& launch : profile.launches) {
    const OpTime& op = profile.ops.at(launch.op);
    events.push_back(Json(Json::Object{
        {"name", Json(op.name.empty() ? op.op : op.name)},
        {"cat", Json(op.op)},
        {"ph", Json(std::string("X"))},
        {"ts", Json(launch.begin)},
        {"dur", Json(launch.end - launch.begin)},
        {"pid", Json(std::int64_t{1})},
        {"tid", Json(std::int64_t{1})},
        {"args", Json(Json::Object{{"kernel", Json(op.kernel)}, {"types", Json(op.types)}})}}));
  }
  return Json(Json::Object{{"traceEvents", Json(std::move(events))},
                           {"displayTimeUnit", Json(std::string("ns"))}})
             .dump() +
         "\n";
}

int profile(const ProfileOptions& options) {
  const Model model = open_model(options.model);
  Profile result;
  try {
    Session session = open_session(model, options.model);
    result = session.profile(
        timing_inputs(session.inputs(), {options.batch, options.length}, options.inputs),
        options.runs);
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error, false);
  }
  if (!options.trace.empty()) write_text(options.trace, chrome_trace(result));
  if (options.json) {
    fmt::print("{}\n", profile_json(result).dump());
  } else {
    print_profile(result, result.ops.size());
  }
  return kMatch;
}

}  // namespace thaw::tools
