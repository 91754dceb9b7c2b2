// The input's product with its weights for all steps at once, then one launch of teams of blocks.
#include <algorithm>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/matmul.cuh"
#include "kernels/cuda/rnn_persistent.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

constexpr int kMostRows = 64;  // sequences of a team

int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }
int power_of_two_from(int at_least) {
  int power = 1;
  while (power < at_least) power *= 2;
  return power;
}

/// Lanes, units of a block and blocks of a team for `per_lane` rows of weights in each lane.
bool deal_units(std::int64_t units, int per_lane, TeamShape& team) {
  team.per_lane = per_lane;
  team.lanes = power_of_two_from(ceil_div(units, per_lane));
  if (team.lanes > kMostLanes) return false;
  team.own = kTeamThreads / team.lanes;
  team.ranks = ceil_div(units, team.own);
  return true;
}

void set_rows(TeamShape& team, std::int64_t batch, int rows) {
  team.rows = rows;
  team.at_once = rows == 1 ? 1 : 4;
  team.teams = ceil_div(batch, rows);
}

bool fits(const TeamShape& team, const TeamLimits& limits) {
  return static_cast<std::size_t>(team.shared_floats()) * sizeof(float) <= limits.shared_bytes;
}

/// Teams that need not be there at once: few rows each while blocks are free, then more.
bool deal_rows(const TeamLimits& limits, std::int64_t batch, TeamShape& team) {
  const std::int64_t blocks = batch * team.directions * team.ranks;
  int rows = 1;
  if (blocks > limits.blocks) {
    rows = static_cast<int>(std::min<std::int64_t>(ceil_div(blocks, limits.blocks), kMostRows));
    rows = std::max(4, rows / 4 * 4);
  }
  for (; rows >= 1; rows = rows > 4 ? rows - 4 : rows - 3) {
    set_rows(team, batch, rows);
    if (fits(team, limits)) return true;
  }
  return false;
}

using HasRoom = std::function<bool(const TeamShape&)>;

bool deal_cluster(const TeamLimits& limits, std::int64_t units, std::int64_t batch,
                  const HasRoom& has_room, TeamShape& team) {
  for (const int per_lane : {16, 32}) {
    if (!deal_units(units, per_lane, team)) continue;
    team.ranks = power_of_two_from(team.ranks);
    team.kind = team.ranks == 1 ? TeamKind::block : TeamKind::cluster;
    if (team.ranks > 1 && team.ranks > limits.cluster) continue;
    if (deal_rows(limits, batch, team) && has_room(team)) return true;
  }
  return false;
}

/// All teams of a grid are there at once.
bool deal_grid(const TeamLimits& limits, std::int64_t units, std::int64_t batch,
               const HasRoom& has_room, TeamShape& team) {
  team.kind = TeamKind::grid;
  for (const int per_lane : {16, 32}) {
    if (!deal_units(units, per_lane, team)) continue;
    const int room = limits.blocks / team.ranks / team.directions;
    if (room < 1) continue;
    const int rows = ceil_div(batch, std::min<std::int64_t>(batch, room));
    if (rows > kMostRows) continue;
    set_rows(team, batch, rows);
    if (fits(team, limits) && has_room(team)) return true;
  }
  return false;
}

TeamCell cell_of(const ops::Rnn& op) {
  switch (op.cell) {
    case CellKind::lstm: return TeamCell::lstm;
    case CellKind::simple: return TeamCell::simple;
    case CellKind::gru: break;
  }
  return op.reset_after ? TeamCell::gru : TeamCell::gru_reset_before;
}

TeamCode code_of(TeamCell cell) {
  switch (cell) {
    case TeamCell::gru: return rnn_gru_code();
    case TeamCell::gru_reset_before: return rnn_gru_before_code();
    case TeamCell::simple: return rnn_simple_code();
    case TeamCell::lstm: break;
  }
  return rnn_lstm_code();
}

template <class T>
Projection plain_projection_of(const Product& p) {
  MatMulBody<T, float> body;
  body.m = p.m;
  body.n = p.n;
  body.k = p.k;
  body.a_row = p.k;
  body.a_column = 1;
  body.b_row = p.n;
  body.b_column = 1;
  return {0, [body](const Queue& queue, const void* a, const void* b, float* y, std::byte*) {
            MatMulBody<T, float> bound = body;
            bound.a = static_cast<const T*>(a);
            bound.b = static_cast<const T*>(b);
            bound.y = y;
            launch_each(queue, bound.m * bound.n, bound);
          }};
}

/// One launch for one or two directions.
struct PersistentRnn {
  TeamCell cell = TeamCell::lstm;
  RnnLayer layer;
  RnnShape shape[2];
  int first_operand[2] = {0, 0};
  Projection projection;
  bool narrow = false;      // of the two below
  NarrowOperand x;          // the same for both directions
  NarrowOperand kernel[2];  // the input's weights
  RecurrentWeights recurrent[2];
  std::size_t exchange_at = 0, exchange_bytes = 0, product_at = 0,
              weights_at = 0;  // in the workspace
  std::size_t bytes = 0;

  void plan_workspace() {
    const TeamShape& team = layer.team;
    const auto projected = static_cast<std::size_t>(shape[0].projected_elements()) * sizeof(float);
    exchange_at = static_cast<std::size_t>(team.directions) * align_up(projected);
    if (team.kind == TeamKind::grid) {
      const auto teams = static_cast<std::size_t>(team.all_teams());
      exchange_bytes = teams * (static_cast<std::size_t>(team.exchange_floats()) * sizeof(float) +
                                sizeof(std::uint32_t));
    }
    product_at = exchange_at + align_up(exchange_bytes);
    weights_at = product_at + align_up(projection.workspace);
    bytes = weights_at;
    if (narrow) bytes += x.workspace();
    for (int d = 0; d < team.directions; ++d) {
      bytes += recurrent[d].workspace() + (narrow ? kernel[d].workspace() : 0);
    }
  }

  /// One bit per operand that lies on the device in another form.
  std::uint32_t packed() const {
    std::uint32_t bits = 0;
    for (int d = 0; d < layer.team.directions; ++d) {
      const std::uint32_t here = (narrow && x.constant() ? 1U : 0U) |
                                 (narrow && kernel[d].constant() ? 2U : 0U) |
                                 (recurrent[d].constant() ? 4U : 0U);
      bits |= here << first_operand[d];
    }
    return bits;
  }

  void enqueue(const Args& args, const Queue& queue) const {
    RnnLayer bound = layer;
    const TeamShape& team = layer.team;
    const auto projected = static_cast<std::size_t>(shape[0].projected_elements()) * sizeof(float);
    std::byte* room = args.workspace + weights_at;
    const void* input = operand(args, 0, 0);
    if (narrow && shape[0].projected_elements() > 0) input = x.bring(queue, input, room);
    if (narrow) room += x.workspace();
    for (int d = 0; d < team.directions; ++d) {
      auto* y = reinterpret_cast<float*>(args.workspace +
                                         static_cast<std::size_t>(d) * align_up(projected));
      const void* w = operand(args, d, 1);
      if (narrow) {
        w = kernel[d].bring(queue, w, room);
        room += kernel[d].workspace();
      }
      if (shape[d].projected_elements() > 0) {
        projection.enqueue(queue, input, w, y, args.workspace + product_at);
      }
      bound.direction[d] = bind(args, d, y);
      bound.direction[d].recurrent = recurrent[d].bring(queue, operand(args, d, 2), room);
      room += recurrent[d].workspace();
    }
    if (exchange_bytes > 0) {
      queue.stream.fill_zero(args.workspace + exchange_at, exchange_bytes);
      bound.exchange = reinterpret_cast<float*>(args.workspace + exchange_at);
      bound.arrivals = reinterpret_cast<std::uint32_t*>(
          bound.exchange + team.all_teams() * static_cast<std::int64_t>(team.exchange_floats()));
    }
    code_of(cell).launch(queue, bound);
  }

  const void* operand(const Args& args, int d, int i) const {
    if (i < 0) return nullptr;
    return args.in[static_cast<std::size_t>(first_operand[d] + i)].data;
  }

  RnnDirection bind(const Args& args, int d, const float* projected) const {
    const RnnShape& s = shape[d];
    const std::size_t results = s.cell == CellKind::lstm ? 3 : 2;
    const auto out = args.out.subspan(static_cast<std::size_t>(d) * results, results);
    RnnDirection to;
    to.projected = projected;
    to.bias = operand(args, d, s.bias);
    to.h0 = operand(args, d, s.h0);
    to.c0 = operand(args, d, s.c0);
    to.mask = static_cast<const std::uint8_t*>(operand(args, d, s.mask));
    to.y = out[0].data;
    to.h = out[1].data;
    to.c = results == 3 ? out[2].data : nullptr;
    to.go_backwards = s.go_backwards;
    to.return_sequences = s.return_sequences;
    to.zero_output_for_mask = s.zero_output_for_mask;
    to.y_batch = s.y_batch;
    to.y_step = s.y_step;
    return to;
  }
};

/// False if 16 bits cannot hold the weights.
bool narrow_layer(const std::vector<Site>& sites, DType storage, const Device& device,
                  PersistentRnn& rnn) {
  rnn.narrow = true;
  if (!rnn.x.set(sites[0], 0, storage, device)) return false;
  for (std::size_t d = 0; d < sites.size(); ++d) {
    if (!rnn.kernel[d].set(sites[d], 1, storage, device)) return false;
  }
  return true;
}

/// False if the weights' type cannot hold them.
bool pack_recurrent(const std::vector<Site>& sites, const Device& device, PersistentRnn& rnn) {
  const RnnLayer& layer = rnn.layer;
  const WeightOrder order{gates_of(rnn.cell), layer.units, layer.team.per_lane, layer.team.lanes};
  for (std::size_t d = 0; d < sites.size(); ++d) {
    if (!rnn.recurrent[d].set(sites[d], order, layer.weights, device)) return false;
  }
  return true;
}

bool prepare_layer(const std::vector<Site>& sites, const RnnTarget& target, PersistentRnn& rnn) {
  const auto& op = sites[0].op_as<ops::Rnn>();
  const DType dtype = sites[0].in[0].dtype;
  const bool narrow = is_floating(dtype) && dtype != DType::float64;
  if (!narrow || !has_gate_form(op.activation.kind) ||
      !has_gate_form(op.recurrent_activation.kind)) {
    return false;
  }
  int operand = 0;
  for (std::size_t d = 0; d < sites.size(); ++d) {
    rnn.shape[d] = rnn_shape_of(sites[d]);
    rnn.first_operand[d] = operand;
    operand += static_cast<int>(sites[d].in.size());
  }
  const RnnShape& s = rnn.shape[0];
  if (s.batch == 0 || s.units == 0 || s.inputs == 0) return false;
  rnn.cell = cell_of(op);
  const int directions = static_cast<int>(sites.size());
  const auto has_room = [&](const TeamShape& team) { return target.has_room(rnn.cell, team); };
  if (!deal_out(target.limits, s.units, s.batch, directions, has_room, rnn.layer.team)) {
    return false;
  }
  rnn.layer.activation = function_of<float>(op.activation, dtype);
  rnn.layer.recurrent_activation = function_of<float>(op.recurrent_activation, dtype);
  const DType storage = storage_of(target.precision, dtype);
  rnn.layer.dtype = dtype;
  rnn.layer.weights = storage;
  if (storage != dtype && !narrow_layer(sites, storage, *target.device, rnn)) return false;
  rnn.layer.batch = s.batch;
  rnn.layer.steps = s.steps;
  rnn.layer.units = static_cast<int>(s.units);
  rnn.layer.projected_batch = s.projected_batch;
  rnn.layer.projected_step = s.projected_step;
  Product product;
  product.m = std::max<std::int64_t>(1, s.batch * s.steps);
  product.n = s.columns();
  product.k = s.inputs;
  rnn.projection = target.projection(product, storage);
  if (!rnn.projection.enqueue || !pack_recurrent(sites, *target.device, rnn)) return false;
  rnn.plan_workspace();
  return true;
}

const char* name_of(TeamKind kind, bool pair) {
  switch (kind) {
    case TeamKind::block: return pair ? "cuda rnn pair, blocks" : "cuda rnn, blocks";
    case TeamKind::cluster: return pair ? "cuda rnn pair, clusters" : "cuda rnn, clusters";
    case TeamKind::grid: break;
  }
  return pair ? "cuda rnn pair, grid" : "cuda rnn, grid";
}

KernelPtr make_persistent(PersistentRnn&& rnn, bool pair) {
  const KernelTraits traits{name_of(rnn.layer.team.kind, pair), rnn.bytes, false, rnn.packed()};
  return make_kernel(traits, [rnn = std::move(rnn)](const Args& args, const Queue& queue) {
    rnn.enqueue(args, queue);
  });
}

bool same_layer(const Site& a, const Site& b) {
  const auto &first = a.op_as<ops::Rnn>(), &second = b.op_as<ops::Rnn>();
  return cell_of(first) == cell_of(second) && first.cell == second.cell &&
         first.activation == second.activation &&
         first.recurrent_activation == second.recurrent_activation &&
         first.time_major == second.time_major && a.in[0] == b.in[0] && a.in[1] == b.in[1] &&
         a.in[2] == b.in[2];
}

}  // namespace

bool device_has_room(TeamCell cell, const TeamShape& team) { return code_of(cell).has_room(team); }

bool deal_out(const TeamLimits& limits, std::int64_t units, std::int64_t batch, int directions,
              const HasRoom& has_room, TeamShape& team) {
  if (units <= 0 || batch <= 0 || units > kMostLanes * 32 || batch > INT32_MAX / 4) return false;
  team = {};
  team.directions = directions;
  return deal_cluster(limits, units, batch, has_room, team) ||
         deal_grid(limits, units, batch, has_room, team);
}

Projection plain_projection(const Product& product, DType dtype) {
  switch (dtype) {
    case DType::float16: return plain_projection_of<float16>(product);
    case DType::bfloat16: return plain_projection_of<bfloat16>(product);
    case DType::float32: return plain_projection_of<float>(product);
    default: return {};
  }
}

KernelPtr prepare_rnn_persistent(const Site& site, const RnnTarget& target) {
  PersistentRnn rnn;
  if (!prepare_layer({site}, target, rnn)) return nullptr;
  return make_persistent(std::move(rnn), false);
}

KernelPtr prepare_rnn_pair(const Site& first, const Site& second, const RnnTarget& target) {
  if (!std::holds_alternative<ops::Rnn>(first.op) || !std::holds_alternative<ops::Rnn>(second.op) ||
      !same_layer(first, second)) {
    return nullptr;
  }
  PersistentRnn rnn;
  if (!prepare_layer({first, second}, target, rnn)) return nullptr;
  return make_persistent(std::move(rnn), true);
}

}  // namespace thaw::cuda
