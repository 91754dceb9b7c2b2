#include "runtime/plan/arrange.h"

#include <algorithm>
#include <utility>

#include "runtime/base/memory.h"
#include "runtime/plan/parts.h"

namespace thaw {
namespace {

// A part that is written long before the others keeps memory for them. Where this takes so much
// more than what is needed at the least, such parts are copied.
constexpr double kMostOverLeast = 1.2;

/// A value that was written into a larger one.
struct Piece {
  ValueId value = 0;
  int step = 0;
  std::size_t bytes = 0;
  double waste = 0;  // bytes times steps kept for the next one
};

/// One memory of the plan.
struct Side {
  std::vector<Interval> intervals;      // buffers, then workspaces
  std::vector<std::size_t> workspaces;  // per step, an index into the intervals
  std::vector<int> buffer;              // Lifetimes::buffer
  std::vector<Piece> pieces;
  MemoryPlan memory;
};

class Arranger {
 public:
  Arranger(Plan& plan, const std::vector<ValueId>& roots, std::vector<Launch> launches,
           const std::vector<bool>& on_device)
      : plan_(plan),
        graph_(plan.graph),
        roots_(roots),
        launches_(std::move(launches)),
        on_device_(on_device) {}

  void run() {
    Side host = plan_host(), device;
    if (plan_.device != nullptr) device = plan_side(true);
    place_values(host, false);
    if (plan_.device != nullptr) place_values(device, true);
    place_parts();
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      connect(i);
      Step& step = plan_.steps[i];
      if (step.kernel->workspace() == 0) continue;
      const Side& side = step.on_device == nullptr ? host : device;
      step.workspace_offset = side.memory.offsets[side.workspaces[i]];
    }
    plan_.intervals = std::move(host.intervals);
    plan_.memory = std::move(host.memory);
    plan_.device_intervals = std::move(device.intervals);
    plan_.device_memory = std::move(device.memory);
  }

 private:
  Side plan_host();
  void find(const std::vector<bool>& excluded);
  bool exclude_worst(const Side& side, std::size_t count, std::vector<bool>& excluded) const;
  void drop_steps();
  Side plan_side(bool device) const;
  std::vector<bool> values_to_place(bool device) const;
  void take_stock(const std::vector<Launch>& launches, const Lifetimes& alive, Side& side) const;
  std::size_t own_bytes(const Launch& launch, ValueId output) const;
  void place_values(const Side& side, bool device);
  void place_parts();
  void connect(std::size_t step);

  bool is_on_device(ValueId value) const { return !on_device_.empty() && on_device_[at(value)]; }
  bool drops(std::size_t launch) const {
    return !parts_.in_place.empty() && parts_.in_place[launch];
  }
  Slot slot(ValueId value) const {
    return {plan_.places[at(value)], &graph_.values[at(value)].type};
  }

  Plan& plan_;
  const Graph& graph_;
  const std::vector<ValueId>& roots_;
  std::vector<Launch> launches_;  // parallel to plan_.steps
  const std::vector<bool>& on_device_;
  Parts parts_;
  std::vector<ValueId> holders_;  // per value
};

/// With parts in place as far as they do not cost memory.
Side Arranger::plan_host() {
  std::vector<bool> excluded;
  find(excluded);
  Side side = plan_side(false);
  for (std::size_t count = 1; !parts_.joined.empty(); count *= 2) {
    const auto least = static_cast<double>(side.memory.lower_bound);
    if (static_cast<double>(side.memory.arena_bytes) <= kMostOverLeast * least) break;
    if (!exclude_worst(side, count, excluded)) break;
    find(excluded);
    side = plan_side(false);
  }
  drop_steps();
  return side;
}

void Arranger::find(const std::vector<bool>& excluded) {
  holders_ = roots_;
  if (plan_.device != nullptr) return;  // its kernels take dense memory, aligned as the arena is
  std::vector<const Kernel*> kernels;
  for (const Step& step : plan_.steps) kernels.push_back(step.kernel.get());
  std::vector<bool> movable, readable;
  for (const ValueId root : roots_) {
    const Home home = plan_.places[at(root)].home;
    movable.push_back(home == Home::none);
    readable.push_back(home == Home::none || home == Home::input || home == Home::output);
  }
  parts_ = find_parts({graph_, roots_, launches_, kernels, movable, readable}, excluded);
  for (std::size_t i = 0; i < holders_.size(); ++i) holders_[i] = parts_.of[i].holder;
}

/// The `count` parts that cost most; false if none costs anything.
bool Arranger::exclude_worst(const Side& side, std::size_t count,
                             std::vector<bool>& excluded) const {
  excluded.resize(graph_.values.size());
  std::vector<std::pair<double, ValueId>> order;
  for (const Piece& piece : side.pieces) {
    if (piece.waste > 0) order.emplace_back(-piece.waste, piece.value);
  }
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < std::min(count, order.size()); ++i) {
    excluded[at(order[i].second)] = true;
  }
  return !order.empty();
}

void Arranger::drop_steps() {
  std::vector<Step> steps;
  std::vector<Launch> launches;
  for (std::size_t i = 0; i < launches_.size(); ++i) {
    if (drops(i)) {
      plan_.in_place.push_back(launches_[i].node);
      continue;
    }
    steps.push_back(std::move(plan_.steps[i]));
    launches.push_back(std::move(launches_[i]));
  }
  plan_.steps = std::move(steps);
  launches_ = std::move(launches);
  parts_.in_place.clear();
}

std::vector<bool> Arranger::values_to_place(bool device) const {
  std::vector<bool> result(graph_.values.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto value = static_cast<ValueId>(i);
    result[i] =
        plan_.places[i].home == Home::none && holders_[i] == value && is_on_device(value) == device;
  }
  return result;
}

Side Arranger::plan_side(bool device) const {
  std::vector<Launch> launches;
  std::vector<const Step*> steps;
  for (std::size_t i = 0; i < launches_.size(); ++i) {
    if (drops(i)) continue;
    launches.push_back(launches_[i]);
    steps.push_back(&plan_.steps[i]);
  }
  Lifetimes alive = lifetimes(graph_, launches, roots_, holders_, values_to_place(device));
  Side side;
  for (const Buffer& buffer : alive.buffers) {
    side.intervals.push_back({buffer.bytes, buffer.first, buffer.last});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    side.workspaces.push_back(side.intervals.size());
    const Step& step = *steps[i];
    if ((step.on_device != nullptr) != device || step.kernel->workspace() == 0) continue;
    side.intervals.push_back({step.kernel->workspace(), static_cast<int>(i), static_cast<int>(i)});
  }
  side.memory = plan_memory(side.intervals);
  if (!parts_.joined.empty()) take_stock(launches, alive, side);
  side.buffer = std::move(alive.buffer);
  return side;
}

/// What is written into larger values, and the lower bound with each piece alive from its own step
/// on, whatever its buffer is.
void Arranger::take_stock(const std::vector<Launch>& launches, const Lifetimes& alive,
                          Side& side) const {
  std::vector<Interval> alone;
  std::vector<std::size_t> known(alive.buffers.size(), 0);  // bytes of a buffer's pieces so far
  std::vector<std::size_t> last(alive.buffers.size(), 0);   // its last piece
  for (std::size_t i = 0; i < launches.size(); ++i) {
    for (const ValueId output : launches[i].out) {
      if (alive.buffer[at(output)] < 0) continue;
      const std::size_t bytes = own_bytes(launches[i], output);
      if (holders_[at(output)] == output && bytes == bytes_of(graph_.values[at(output)].type)) {
        continue;  // not a part, and none lies in it before
      }
      const auto buffer = static_cast<std::size_t>(alive.buffer[at(output)]);
      const Buffer& whole = alive.buffers[buffer];
      const int step = static_cast<int>(i);
      if (known[buffer] > 0) {
        Piece& before = side.pieces[last[buffer]];
        before.waste = static_cast<double>(whole.bytes - known[buffer]) * (step - before.step);
      }
      last[buffer] = side.pieces.size();
      side.pieces.push_back({output, step, bytes, 0});
      const std::size_t taken = align_up(known[buffer]);
      known[buffer] += bytes;
      alone.push_back({align_up(known[buffer]) - taken, step, whole.last});
    }
  }
  for (std::size_t i = 0; i < side.intervals.size(); ++i) {
    if (i >= known.size() || known[i] == 0) alone.push_back(side.intervals[i]);
  }
  side.memory.lower_bound = least_bytes(alone);
}

/// What the launch writes of its result: all but what lies in a Concat already.
std::size_t Arranger::own_bytes(const Launch& launch, ValueId output) const {
  std::size_t bytes = bytes_of(graph_.values[at(output)].type);
  for (const ValueId input : launch.in) {
    const Part& part = parts_.of[at(roots_[at(input)])];
    const bool joined = launch.node != kNoNode && part.node == launch.node;
    if (joined) bytes -= bytes_of(graph_.values[at(input)].type);
  }
  return bytes;
}

void Arranger::place_values(const Side& side, bool device) {
  const std::vector<bool> chosen = values_to_place(device);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    // Values without a buffer are empty: any address will do.
    const int buffer = side.buffer[i];
    const std::size_t offset =
        buffer < 0 ? 0 : side.memory.offsets[static_cast<std::size_t>(buffer)];
    plan_.places[i] = {device ? Home::device_arena : Home::arena, offset, 0, nullptr};
  }
}

/// Views lie where their roots do, parts in their holders.
void Arranger::place_parts() {
  for (std::size_t i = 0; i < plan_.places.size(); ++i) {
    const ValueId holder = holders_[i];
    if (holder == static_cast<ValueId>(i)) continue;
    Place place = plan_.places[at(holder)];
    if (!parts_.of.empty() && holder != roots_[i]) {
      const Part& part = parts_.of[i];
      place.offset += static_cast<std::size_t>(part.offset) * size_of(graph_.values[i].type.dtype);
      place.columns = part.columns;
      place.pitch = part.pitch;
    }
    plan_.places[i] = place;
  }
}

void Arranger::connect(std::size_t i) {
  Step& step = plan_.steps[i];
  for (ValueId value : launches_[i].in) step.in.push_back(slot(value));
  for (ValueId value : launches_[i].out) step.out.push_back(slot(value));
  if (step.node == kNoNode) return;
  const Op& op = graph_.nodes[at(step.node)].op;
  if (const auto* read = std::get_if<ops::VariableRead>(&op)) {
    step.in.push_back({{Home::variable, 0, read->variable, nullptr}, step.out[0].type});
  } else if (const auto* assign = std::get_if<ops::VariableAssign>(&op)) {
    step.out.push_back({{Home::variable, 0, assign->variable, nullptr}, step.in[0].type});
  }
}

}  // namespace

void arrange(Plan& plan, const std::vector<ValueId>& roots, std::vector<Launch> launches,
             const std::vector<bool>& on_device) {
  Arranger(plan, roots, std::move(launches), on_device).run();
}

}  // namespace thaw
