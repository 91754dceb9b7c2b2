// Gate columns are reordered when the weights are packed, so that a step reads [block of
// units][gate][lane].
#include "kernels/cpu/rnn_weights.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/rnn_pairs.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw::cpu {
namespace {

std::int64_t gates_of(CellKind cell) {
  return cell == CellKind::lstm ? 4 : cell == CellKind::gru ? 3 : 1;
}

// Rows of the source that are packed together: they stay in the cache while its columns are dealt
// out to the blocks.
constexpr std::int64_t kRowsAtOnce = 16;

/// [rows, gates * units] -> [rows, columns] with the gates of a block side by side.
void reorder_columns(const RnnShape& s, const float* from, std::int64_t rows, float* to) {
  std::vector<std::int64_t> sources(static_cast<std::size_t>(s.columns));
  for (std::int64_t j = 0; j < s.columns; ++j)
    sources[static_cast<std::size_t>(j)] = s.source_column(j);
  for (std::int64_t i = 0; i < rows; ++i, from += s.gates * s.units) {
    for (const std::int64_t source : sources) *to++ = source < 0 ? 0 : from[source];
  }
}

/// Gates [first, first + count) as [block][k][gate][lane].
void pack_recurrent(const RnnShape& s, const float* from, std::int64_t first, std::int64_t count,
                    float* to) {
  for (std::int64_t begin = 0; begin < s.units; begin += kRowsAtOnce) {
    const std::int64_t end = std::min(begin + kRowsAtOnce, s.units);
    for (std::int64_t block = 0; block < s.blocks; ++block) {
      const std::int64_t unit = block * s.lanes, units = std::min(s.lanes, s.units - unit);
      float* out = to + (block * s.units + begin) * count * s.lanes;
      for (std::int64_t row = begin * s.gates + first; row < end * s.gates; row += s.gates) {
        for (std::int64_t gate = row; gate < row + count; ++gate, out += s.lanes) {
          std::copy_n(from + gate * s.units + unit, units, out);
          std::fill_n(out + units, s.lanes - units, 0.0f);
        }
      }
    }
  }
}

using Pack = std::function<void(const float*, float*)>;

/// The parts that `pack` writes, in pairs of rows. A form that does not hold them is remembered as
/// weights without memory.
std::shared_ptr<const PackedWeights> make_pairs(const Tensor& source, WeightStorage storage,
                                                const std::vector<PackedBlocks>& parts,
                                                const Pack& pack) {
  std::int64_t count = 0, count_paired = 0;
  for (const PackedBlocks& part : parts) {
    count += part.elements();
    count_paired += paired_rows(part.depth) * part.columns;
  }
  std::vector<float> floats(static_cast<std::size_t>(count));
  pack(ReadOnce(source).as<float>(), floats.data());
  const auto bytes = static_cast<std::size_t>(count_paired * element_bytes(storage));
  std::shared_ptr<std::byte> memory{allocate_aligned(bytes).release(), AlignedFree{}};
  auto* to = reinterpret_cast<std::uint16_t*>(memory.get());
  const float* from = floats.data();
  bool holds = true;
  for (const PackedBlocks& part : parts) {
    const std::int64_t blocks = part.columns / part.width;
    holds = pack_pairs(storage, from, blocks, part.depth, part.width, to) && holds;
    from += part.elements();
    to += paired_rows(part.depth) * part.columns;
  }
  auto weights = std::make_shared<PackedWeights>();
  weights->storage = storage;
  if (holds) weights->memory = std::move(memory);
  return weights;
}

/// The recurrent weights of a single row in pairs; null: they are not to be, or cannot.
std::shared_ptr<const PackedWeights> pack_recurrent_pairs(const RnnShape& s, bool split,
                                                          const Site& site,
                                                          const std::vector<PackedBlocks>& parts,
                                                          const Pack& pack) {
  const WeightStorage storage = site.packs == nullptr ? WeightStorage::f32 : site.packs->storage();
  // Scaling h for halves is worth it where it serves three vectors of columns or more.
  const bool halves = storage == WeightStorage::fp16 && s.gates >= 3 && !split;
  if (s.batch != 1 || (!halves && storage != WeightStorage::bf16)) return nullptr;
  const Tensor& source = *site.constants[2];
  const auto packed = std::static_pointer_cast<const PackedWeights>(site.packs->get(
      source, layout_name("rnn recurrent pairs", {s.gates, s.units, s.lanes, split}),
      [&] { return make_pairs(source, storage, parts, pack); }));
  return packed->memory == nullptr ? nullptr : packed;
}

}  // namespace

RnnShape::RnnShape(const ops::Rnn& op, const Site& site)
    : batch(site.in[0].shape[op.time_major ? 1 : 0]),
      steps(site.in[0].shape[op.time_major ? 0 : 1]),
      inputs(site.in[0].shape[2]),
      units(site.in[2].shape[0]),
      gates(gates_of(op.cell)),
      lanes(float_lanes()),
      blocks(ceil_div(units, lanes)),
      state(blocks * lanes),
      columns(blocks * gates * lanes) {}

RnnWeights pack_rnn_weights(const ops::Rnn& op, const RnnShape& s, const Site& site) {
  const bool split = op.cell == CellKind::gru && !op.reset_after;
  RnnWeights w;
  w.input = packed_matrix(site, 1, layout_name("rnn input", {s.gates, s.inputs, s.units, s.lanes}),
                          {gemm_blocks(s.inputs, s.columns)}, [&](const float* from, float* to) {
                            std::vector<float> wide(static_cast<std::size_t>(s.inputs * s.columns));
                            reorder_columns(s, from, s.inputs, wide.data());
                            pack_matrix(wide.data(), s.inputs, s.columns, s.columns, 1, to, 0,
                                        ceil_div(s.columns, gemm_columns()));
                          });
  const std::int64_t together = split ? 2 : s.gates, width = together * s.lanes;
  std::vector<PackedBlocks> parts = {{s.units, s.blocks * width, width}};
  if (split) parts.push_back({s.units, s.blocks * s.lanes, s.lanes});
  const Pack pack = [&](const float* from, float* to) {
    pack_recurrent(s, from, 0, together, to);
    if (split) pack_recurrent(s, from, 2, 1, to + s.blocks * s.units * width);
  };
  w.recurrent = pack_recurrent_pairs(s, split, site, parts, pack);
  w.paired = w.recurrent != nullptr;
  if (!w.paired) {
    w.recurrent = packed_matrix(
        site, 2, layout_name("rnn recurrent", {s.gates, s.units, s.lanes, split}), parts, pack);
  }
  if (!op.has_bias) return w;
  // [columns] added to x W, then for a reset-after gru [state]: the recurrent bias of the h gate,
  // which the reset gate multiplies.
  const bool two = op.cell == CellKind::gru && op.reset_after;
  w.bias = packed_weights(site, 3, layout_name("rnn bias", {s.gates, s.units, s.lanes, two}),
                          s.columns + (two ? s.state : 0), [&](const float* from, float* to) {
                            std::vector<float> sum(from, from + s.gates * s.units);
                            const float* second = from + s.gates * s.units;
                            for (std::int64_t i = 0; two && i < 2 * s.units; ++i)
                              sum[static_cast<std::size_t>(i)] += second[i];
                            reorder_columns(s, sum.data(), 1, to);
                            for (std::int64_t i = 0; two && i < s.state; ++i) {
                              to[s.columns + i] = i < s.units ? second[2 * s.units + i] : 0;
                            }
                          });
  return w;
}

}  // namespace thaw::cpu
