// Attention: a block per tile of query rows of a head, which walks over the keys, a tile at a time.
// Only the tile's scores exist, in shared memory; what was summed with a smaller maximum is scaled
// when a larger one turns up. Tiles lie there transposed, so that a thread reads neighbouring rows
// as one vector. Nothing depends on which thread does what.
#include <cmath>

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

constexpr int kKeys = 32;     // of a tile
constexpr int kDepth = 32;    // columns of q and k that lie in shared memory at once
constexpr int kColumns = 64;  // of v

/// Neighbours that are read as one.
template <class C, int count>
struct alignas(sizeof(C) * count < 16 ? sizeof(C) * count : 16) Neighbours {
  C at[count];
  static THAW_DEVICE const Neighbours& in(const C* memory) {
    return *reinterpret_cast<const Neighbours*>(memory);
  }
};

template <class T, int kRows>
struct AttentionBody {
  using C = Compute<T>;
  // What a thread owns of a tile's products, and threads per row of its softmax.
  static constexpr int kRowsEach = kRows == 16 ? 2 : 4;
  static constexpr int kKeysEach = kRows * kKeys / (kThreads * kRowsEach);
  static constexpr int kColumnsEach = kRows * kColumns / (kThreads * kRowsEach);
  static constexpr int kShares = kThreads / kRows, kShare = kKeys / kShares;
  static constexpr int kGroups = kRows / kRowsEach;
  static constexpr int kStride = kRows + 4;     // of what lies by columns
  static constexpr int kKeyStride = kKeys + 2;  // of k's tile
  static constexpr int kLeastBlocks = 1;
  static_assert(kKeysEach >= 1 && kKeyStride % kKeysEach == 0 && kDepth * kKeyStride <= kKeys * 64);

  AttentionShape s;
  C scale, masked;
  const T *q, *k, *v;
  const void* mask;  // may be null
  T* y;

  struct Memory {
    C *q, *kv, *scores, *sums;             // sums [columns][row]
    C *largest, *scale, *shares, *totals;  // per row: [2][row], [row], [share][row] twice
  };
  struct Place {
    std::int64_t batch, head, row, column;
  };

  static std::size_t shared_bytes(std::int64_t columns) {
    const std::int64_t all =
        (kDepth + kKeys + columns) * kStride + kKeys * kColumns + 3 * kRows + 2 * kThreads;
    return static_cast<std::size_t>(all) * sizeof(C);
  }

  THAW_DEVICE Memory memory_of(const Block& block) const {
    Memory m;
    m.q = block.template shared<C>();
    m.kv = m.q + kDepth * kStride;
    m.scores = m.kv + kKeys * kColumns;
    m.sums = m.scores + kKeys * kStride;
    m.largest = m.sums + s.part_columns * kStride;
    m.scale = m.largest + 2 * kRows;
    m.shares = m.scale + kRows;
    m.totals = m.shares + kThreads;
    return m;
  }

  THAW_DEVICE Place place_of(std::int64_t i) const {
    const std::int64_t tile = i % s.tiles, part = i / s.tiles % s.parts;
    const std::int64_t head = i / s.tiles / s.parts;
    return {head / s.heads, head % s.heads, tile * kRows, part * s.part_columns};
  }

  THAW_DEVICE void operator()(const Block& block, std::int64_t i) const {
    const Memory m = memory_of(block);
    const Place at = place_of(i);
    block.each(s.part_columns * kStride, [&](std::int64_t j) { m.sums[j] = 0; });
    block.each(kThreads, [&](std::int64_t j) {
      m.totals[j] = 0;
      if (j < kRows) m.largest[j] = lowest<C>();
    });
    int now = 0;  // which of the maxima
    for (std::int64_t key = 0; key < s.steps; key += kKeys, now = 1 - now) {
      for (std::int64_t d = 0; d < s.key_width; d += kDepth) multiply_keys(block, m, at, key, d);
      mask_scores(block, m, at, key);
      weigh(block, m, now);
      for (std::int64_t c = 0; c < s.part_columns && at.column + c < s.value_width; c += kColumns) {
        multiply_values(block, m, at, key, c);
      }
    }
    write(block, m, at);
  }

  /// scores (+)= q k^T of some columns.
  THAW_DEVICE void multiply_keys(const Block& block, const Memory& m, const Place& at,
                                 std::int64_t key, std::int64_t d) const {
    const T* query = q + s.q.at(at.batch, at.head, at.row) + d;
    const T* keys = k + s.k.at(at.batch, at.head / s.heads_per_key, key) + d;
    const std::int64_t width = s.key_width - d < kDepth ? s.key_width - d : kDepth;
    if (key == 0 || s.key_width > kDepth) {
      const std::int64_t rows = s.rows - at.row;
      block.each(kRows * kDepth, [&](std::int64_t j) {
        const std::int64_t column = j % kDepth, row = j / kDepth;
        const bool inside = column < width && row < rows;
        m.q[column * kStride + row] = inside ? to_compute(query[row * s.q.step + column]) : C{0};
      });
    }
    const std::int64_t steps = s.steps - key;
    block.each(kKeys * kDepth, [&](std::int64_t j) {
      const std::int64_t column = j % kDepth, step = j / kDepth;
      const bool inside = column < width && step < steps;
      m.kv[column * kKeyStride + step] = inside ? to_compute(keys[step * s.k.step + column]) : C{0};
    });
    block.each(kThreads, [&](std::int64_t j) {
      const auto row = static_cast<int>(j % kGroups) * kRowsEach;
      const auto step = static_cast<int>(j / kGroups) * kKeysEach;
      C* to = m.scores + step * kStride + row;
      C sum[kKeysEach][kRowsEach];
      THAW_UNROLL for (int n = 0; n < kKeysEach; ++n) {
        THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) {
          sum[n][r] = d == 0 ? C{0} : to[n * kStride + r];
        }
      }
      for (int column = 0; column < static_cast<int>(width); ++column) {
        const auto left = Neighbours<C, kRowsEach>::in(m.q + column * kStride + row);
        const auto right = Neighbours<C, kKeysEach>::in(m.kv + column * kKeyStride + step);
        THAW_UNROLL for (int n = 0; n < kKeysEach; ++n) {
          THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) sum[n][r] += left.at[r] * right.at[n];
        }
      }
      THAW_UNROLL for (int n = 0; n < kKeysEach; ++n) {
        THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) to[n * kStride + r] = sum[n][r];
      }
    });
  }

  /// Scales and masks; the largest score of each share of a row.
  THAW_DEVICE void mask_scores(const Block& block, const Memory& m, const Place& at,
                               std::int64_t key) const {
    block.each(kThreads, [&](std::int64_t j) {
      const std::int64_t row = j % kRows, share = j / kRows;
      const std::int64_t start = s.mask_at(at.batch, at.head, at.row + row);
      const bool inside = at.row + row < s.rows;
      C largest = lowest<C>();
      for (std::int64_t n = share * kShare; n < (share + 1) * kShare; ++n) {
        C score = m.scores[n * kStride + row] * scale;
        if (key + n >= s.steps) {
          score = lowest<C>();
        } else if (mask != nullptr && inside) {
          score = masked_score<T>(s, mask, masked, score, start + (key + n) * s.mask[3]);
        }
        m.scores[n * kStride + row] = score;
        if (score > largest || score != score) largest = score;  // a NaN wins
      }
      m.shares[j] = largest;
    });
  }

  /// Scores to weights, relative to the largest so far; what the sums must be scaled with.
  THAW_DEVICE void weigh(const Block& block, const Memory& m, int now) const {
    block.each(kThreads, [&](std::int64_t j) {
      const std::int64_t row = j % kRows, share = j / kRows;
      const C before = m.largest[now * kRows + row];
      C largest = before;
      for (int n = 0; n < kShares; ++n) {
        const C other = m.shares[n * kRows + row];
        if (other > largest || other != other) largest = other;
      }
      // Nothing but -infinity so far: weights of zero.
      const C shift = largest == lowest<C>() ? C{0} : largest;
      C sum = 0;
      for (std::int64_t n = share * kShare; n < (share + 1) * kShare; ++n) {
        C& score = m.scores[n * kStride + row];
        score = std::exp(score - shift);
        sum += score;
      }
      const C factor = std::exp(before - shift);
      m.totals[j] = m.totals[j] * factor + sum;
      if (share == 0) {
        m.largest[(1 - now) * kRows + row] = largest;
        m.scale[row] = factor;
      }
    });
  }

  /// sums = sums * scale + weights v of some columns.
  THAW_DEVICE void multiply_values(const Block& block, const Memory& m, const Place& at,
                                   std::int64_t key, std::int64_t first) const {
    const T* values = v + s.v.at(at.batch, at.head / s.heads_per_key, key) + at.column + first;
    const std::int64_t width = s.value_width - at.column - first, steps = s.steps - key;
    block.each(kKeys * kColumns, [&](std::int64_t j) {
      const std::int64_t column = j % kColumns, step = j / kColumns;
      const bool inside = column < width && step < steps;
      m.kv[j] = inside ? to_compute(values[step * s.v.step + column]) : C{0};
    });
    block.each(kThreads, [&](std::int64_t j) {
      const auto row = static_cast<int>(j % kGroups) * kRowsEach;
      const auto column = static_cast<int>(j / kGroups) * kColumnsEach;
      C* to = m.sums + (first + column) * kStride + row;
      C sum[kColumnsEach][kRowsEach];
      const auto factors = Neighbours<C, kRowsEach>::in(m.scale + row);
      THAW_UNROLL for (int n = 0; n < kColumnsEach; ++n) {
        THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) {
          sum[n][r] = to[n * kStride + r] * factors.at[r];
        }
      }
      for (int step = 0; step < kKeys; ++step) {
        const auto left = Neighbours<C, kRowsEach>::in(m.scores + step * kStride + row);
        const auto right = Neighbours<C, kColumnsEach>::in(m.kv + step * kColumns + column);
        THAW_UNROLL for (int n = 0; n < kColumnsEach; ++n) {
          THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) sum[n][r] += left.at[r] * right.at[n];
        }
      }
      THAW_UNROLL for (int n = 0; n < kColumnsEach; ++n) {
        THAW_UNROLL for (int r = 0; r < kRowsEach; ++r) to[n * kStride + r] = sum[n][r];
      }
    });
  }

  THAW_DEVICE void write(const Block& block, const Memory& m, const Place& at) const {
    block.each(kRows, [&](std::int64_t row) {
      C total = 0;
      for (int n = 0; n < kShares; ++n) total += m.totals[n * kRows + row];
      m.scale[row] = total;
    });
    T* to = y + s.y.at(at.batch, at.head, at.row) + at.column;
    const std::int64_t rest = s.value_width - at.column;
    const std::int64_t width = rest < s.part_columns ? rest : s.part_columns;
    const std::int64_t rows = s.rows - at.row < kRows ? s.rows - at.row : kRows;
    block.each(rows * width, [&](std::int64_t j) {
      const std::int64_t column = j % width, row = j / width;
      to[row * s.y.step + column] = from_compute<T>(m.sums[column * kStride + row] / m.scale[row]);
    });
  }
};

/// Tiles of `rows` rows, whose sums have at most `most_columns` columns of v.
void cut(AttentionShape& s, std::int64_t rows, std::int64_t most_columns) {
  s.tiles = (s.rows + rows - 1) / rows;
  const std::int64_t columns = (s.value_width + kColumns - 1) / kColumns * kColumns;
  s.part_columns = columns < most_columns ? columns : most_columns;
  s.parts = (s.value_width + s.part_columns - 1) / s.part_columns;
}

template <class T, int kRows>
KernelPtr attention_kernel(const Site& site, AttentionShape s, std::int64_t most_columns) {
  using Body = AttentionBody<T, kRows>;
  const auto& op = site.op_as<ops::Attention>();
  cut(s, kRows, most_columns);
  const std::int64_t blocks = s.batch * s.heads * s.parts * s.tiles;
  const std::size_t shared = Body::shared_bytes(s.part_columns);
  if (shared > kMostShared) return nullptr;
  Body body{};
  body.s = s;
  body.scale = static_cast<Compute<T>>(op.scale);
  body.masked = static_cast<Compute<T>>(op.masked);
  const bool has_mask = site.in.size() > 3;
  return make_kernel({"cuda attention"}, [=](const Args& args, const Queue& queue) {
    Body bound = body;
    bound.q = args.in[0].as<T>();
    bound.k = args.in[1].as<T>();
    bound.v = args.in[2].as<T>();
    bound.mask = has_mask ? args.in[3].data : nullptr;
    bound.y = args.out[0].as_mutable<T>();
    launch_blocks(queue, blocks, shared, bound);
  });
}

/// No keys at all weigh nothing.
KernelPtr zeros(const Site& site) {
  const std::size_t bytes =
      static_cast<std::size_t>(site.out[0].shape.num_elements()) * size_of(site.out[0].dtype);
  return make_kernel({"cuda attention"}, [bytes](const Args& args, const Queue& queue) {
    if (bytes > 0) queue.stream.fill_zero(args.out[0].data, bytes);
  });
}

HeadPlaces head_places(const Shape& shape, std::int64_t width, std::int64_t column) {
  const Ints strides = row_major_strides(shape);
  if (shape.rank() == 4) return {0, strides[0], strides[1], strides[2]};
  return {column, strides[0], width, strides[1]};
}

}  // namespace

bool attention_shape(const Site& site, AttentionShape& s) {
  const auto& op = site.op_as<ops::Attention>();
  const DType dtype = site.out[0].dtype;
  for (std::size_t i = 0; i < 3; ++i) {
    if (site.in[i].dtype != dtype) return false;
  }
  s.q = head_places(site.in[0].shape, op.key_width, op.query_at);
  s.k = head_places(site.in[1].shape, op.key_width, op.key_at);
  s.v = head_places(site.in[2].shape, op.value_width, op.value_at);
  s.y = head_places(site.out[0].shape, op.value_width, 0);
  s.batch = site.out[0].shape[0];
  s.heads = op.heads;
  s.heads_per_key = op.heads / op.key_heads;
  s.rows = site.out[0].shape[1];
  s.steps = site.in[1].shape[site.in[1].shape.rank() - 2];
  s.key_width = op.key_width;
  s.value_width = op.value_width;
  s.lowers = op.lowers;
  if (site.in.size() < 4) return true;
  s.boolean = site.in[3].dtype == DType::boolean;
  if (!s.boolean && site.in[3].dtype != dtype) return false;
  const Ints mask = broadcast_strides(site.in[3].shape, Shape{s.batch, s.heads, s.rows, s.steps});
  for (std::size_t axis = 0; axis < 4; ++axis) s.mask[axis] = mask[axis];
  return true;
}

KernelPtr prepare_attention(const Site& site) {
  constexpr std::int64_t kEnough = 256;  // blocks to keep a large device busy
  AttentionShape s;
  if (!attention_shape(site, s)) return nullptr;
  if (s.steps == 0 || site.out[0].shape.num_elements() == 0) return zeros(site);
  return for_floats(site.out[0].dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    if constexpr (sizeof(Compute<T>) == 8) {
      return attention_kernel<T, 16>(site, s, 64);
    } else {
      const std::int64_t heads = s.batch * s.heads;
      if (s.value_width <= 64 && heads * ((s.rows + 63) / 64) >= kEnough) {
        return attention_kernel<T, 64>(site, s, 64);
      }
      if (s.value_width <= 128 && heads * ((s.rows + 31) / 32) >= kEnough) {
        return attention_kernel<T, 32>(site, s, 128);
      }
      return attention_kernel<T, 16>(site, s, 256);
    }
  });
}

}  // namespace thaw::cuda
