#include "runtime/exec/launch_recorder.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/exec/launch_cost.h"

namespace thaw {
namespace {

constexpr std::size_t kMaxLaunches = 1'000'000;

std::string types_text(std::span<const TensorType* const> types) {
  std::string text;
  for (const TensorType* type : types) text += (text.empty() ? "" : ", ") + to_string(*type);
  return text;
}

}  // namespace

void LaunchRecorder::add(const LaunchSeen& launch) {
  if (start_ < 0) start_ = launch.begin;
  const auto [found, first] = index_.try_emplace(launch.node, profile_.ops.size());
  if (first) {
    OpTime op;
    op.name = launch.node == nullptr ? "" : launch.node->name;
    op.op = launch.node == nullptr ? "output" : name_of(launch.node->op);
    op.types = types_text(launch.in) + " -> " + types_text(launch.out);
    profile_.ops.push_back(std::move(op));
  }
  OpTime& op = profile_.ops[found->second];
  if (op.kernel != launch.kernel) op.kernel = launch.kernel;  // another shape may take another
  ++op.launches;
  op.microseconds += static_cast<double>(launch.end - launch.begin) * 1e-3;
  static const Op kCopy = ops::Identity{};
  const LaunchCost cost =
      launch_cost(launch.node == nullptr ? kCopy : launch.node->op, launch.in, launch.out);
  op.flops += cost.flops;
  op.bytes += cost.bytes;
  if (profile_.launches.size() == kMaxLaunches) return;
  profile_.launches.push_back({found->second, static_cast<double>(launch.begin - start_) * 1e-3,
                               static_cast<double>(launch.end - start_) * 1e-3});
}

}  // namespace thaw
