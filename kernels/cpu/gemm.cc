// Packed GEMM. B: [column block][k][4 vectors]; a tile of up to 6 (AVX-512) or 3 rows x 4 vectors
// stays in registers for up to kDepth steps of k, one of more rows takes the vectors by twos; tasks
// are blocks of rows x one column block. While a tile multiplies, it fetches what the following
// ones read of B.
//
// Each element is summed along k in runs of kDepth that are added in order, whatever tile it falls
// into: the result does not depend on the split, and the error of a long sum stays that of its
// runs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/functions-inl.h"
#include "kernels/cpu/weights-inl.h"
// clang-format on

#include "kernels/cpu/gemm.h"

#include <type_traits>

#include "kernels/cpu/functions.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

constexpr int kRows = kLanes >= 16 ? 6 : 3;      // x 4 vectors = what the register file holds
constexpr int kTallRows = kLanes >= 16 ? 9 : 5;  // x 2 vectors
constexpr std::int64_t kColumns = 4 * kLanes;
constexpr std::int64_t kDepth = 384;

/// One register tile: where its rows are and which part of k it sums. T: the weights' elements.
template <class T>
struct TileSite {
  const Gemm& g;
  const float* rows[kTallRows];
  float* c[kTallRows];
  std::int64_t k_begin, k_end;
  const T* b;  // at k_begin
  const T* ahead;
  std::int64_t columns;  // of the tile, <= NV vectors
  const float *bias, *scales;
  std::int64_t column;  // the first one; c is that of column 0
};

/// W: vectors of a step of k, of which the tile takes NV. Fetches `lines` cache lines a step.
template <class T, int MR, int NV, int W, int Lines>
HWY_INLINE void MultiplyRun(const float* const (&rows)[kTallRows], std::int64_t offset,
                            std::int64_t count, const T* HWY_RESTRICT b, const T* ahead,
                            V (&acc)[MR][NV]) {
  constexpr int kLine = 64 / sizeof(T);
  for (std::int64_t k = 0; k < count; ++k, b += W * kLanes) {
    HWY_UNROLL(4)
    for (int i = 0; i < Lines; ++i) __builtin_prefetch(ahead + (k * Lines + i) * kLine, 0, 2);
    V column[NV];
    HWY_UNROLL(8)
    for (int v = 0; v < NV; ++v) column[v] = LoadWeights(b + v * kLanes);
    HWY_UNROLL(16)
    for (int r = 0; r < MR; ++r) {
      const V a = Splat(rows[r][offset + k]);
      HWY_UNROLL(8)
      for (int v = 0; v < NV; ++v) acc[r][v] = hn::MulAdd(a, column[v], acc[r][v]);
    }
  }
}

/// What is cheap enough to be applied while the sums are in registers.
HWY_INLINE bool InRegisters(UnaryKind kind) {
  return kind == UnaryKind::linear || kind == UnaryKind::relu || kind == UnaryKind::clamp;
}

HWY_INLINE V Activate(const VectorFn& fn, V x) {
  if (fn.kind == UnaryKind::relu) return Relu(x);
  if (fn.kind == UnaryKind::clamp) {
    return Function<UnaryKind::clamp>(x, Splat(fn.alpha), Splat(fn.beta));
  }
  return x;
}

template <class T, int MR, int NV>
HWY_INLINE void Finish(const TileSite<T>& t, V (&acc)[MR][NV]) {
  const bool first = t.k_begin == 0, last = t.k_end == t.g.k();
  const VectorFn fn(t.g.activation);
  for (int v = 0; v < NV; ++v) {
    const std::int64_t at = v * kLanes, count = t.columns - at;
    const bool whole = count >= kLanes;
    const std::int64_t c_offset = t.g.c_offset(t.column + at);
    V bias = hn::Zero(f), scale = hn::Zero(f);
    if constexpr (std::is_same_v<T, std::int8_t>) scale = hn::LoadU(f, t.scales + at);
    if (last && t.bias != nullptr) {
      bias = whole ? hn::LoadU(f, t.bias + at) : LoadPartial(t.bias + at, count);
    }
    HWY_UNROLL(16)
    for (int r = 0; r < MR; ++r) {
      float* c = t.c[r] + c_offset;
      V sum = acc[r][v];
      if (!first) sum = hn::Add(sum, whole ? hn::LoadU(f, c) : LoadPartial(c, count));
      if constexpr (std::is_same_v<T, std::int8_t>) {
        if (last) sum = hn::Mul(sum, scale);  // sums of parts of k wait unscaled in c
      }
      if (last) sum = Activate(fn, hn::Add(sum, bias));
      if (whole) {
        hn::StoreU(sum, f, c);
      } else {
        StorePartial(sum, c, count);
      }
    }
  }
}

template <class T, int MR, int NV, int W, int Lines>
HWY_NOINLINE void Tile(const TileSite<T>& t) {
  V acc[MR][NV];
  for (int r = 0; r < MR; ++r) {
    for (int v = 0; v < NV; ++v) acc[r][v] = hn::Zero(f);
  }
  const std::int64_t length = HWY_MAX(t.g.segment_length, 1);
  const T *b = t.b, *ahead = t.ahead;
  std::int64_t segment = t.k_begin / length, within = t.k_begin % length;
  for (std::int64_t k = t.k_begin; k < t.k_end; ++segment, within = 0) {
    const std::int64_t count = HWY_MIN(length - within, t.k_end - k);
    const std::int64_t start = t.g.segment_offsets == nullptr ? 0 : t.g.segment_offsets[segment];
    MultiplyRun<T, MR, NV, W, Lines>(t.rows, start + within, count, b, ahead, acc);
    b += count * W * kLanes;
    ahead += count * static_cast<std::int64_t>(Lines * 64 / sizeof(T));
    k += count;
  }
  Finish<T, MR, NV>(t, acc);
}

constexpr std::int64_t kAhead = 32;  // steps of k between what a tall tile reads and fetches
/// Cache lines of one step of k.
template <class T, int W>
constexpr int kLines = HWY_MAX(1, W* static_cast<int>(kLanes) * static_cast<int>(sizeof(T)) / 64);

/// Of a tile among many of its block, which together fetch the next one: a narrow one has no room.
template <int W>
constexpr int kBulkLines = W == 4 ? 1 : 0;

/// A tile of more rows than four vectors have registers for: two vectors at a time.
template <class T, int MR, int W>
void TallTile(TileSite<T>& t) {
  t.ahead = t.b + kAhead * W * kLanes;
  if constexpr (W == 4) {
    constexpr std::int64_t kHalf = 2 * kLanes;
    Tile<T, MR, 2, W, kLines<T, W>>(t);
    TileSite<T> right = t;
    right.columns -= kHalf;
    right.b += kHalf;
    right.column += kHalf;
    if (t.bias != nullptr) right.bias += kHalf;
    if (t.scales != nullptr) right.scales += kHalf;
    Tile<T, MR, 2, W, 0>(right);
  } else if constexpr (W == 2) {
    Tile<T, MR, 2, W, kLines<T, W>>(t);
  }
}

template <class T, int W>
HWY_INLINE void AnyTile(TileSite<T>& t, std::int64_t rows) {
  switch (rows) {
    case 1: return Tile<T, 1, W, W, 0>(t);
    case 2: return Tile<T, 2, W, W, 0>(t);
    case 3: return Tile<T, 3, W, W, kBulkLines<W>>(t);
    default: break;
  }
  if constexpr (kRows == 6) {
    switch (rows) {
      case 4: return Tile<T, 4, W, W, kBulkLines<W>>(t);
      case 5: return Tile<T, 5, W, W, kBulkLines<W>>(t);
      case 6: return Tile<T, 6, W, W, kBulkLines<W>>(t);
      case 7: return TallTile<T, 7, W>(t);
      case 8: return TallTile<T, 8, W>(t);
      default: return TallTile<T, 9, W>(t);
    }
  } else {
    if (rows == 4) return TallTile<T, 4, W>(t);
    TallTile<T, 5, W>(t);
  }
}

/// Rows of the next tile: no tile of few rows is left over, which would read B for little.
template <int W>
HWY_INLINE std::int64_t NextRows(std::int64_t left) {
  if (left <= kRows) return left;
  if (left >= 2 * kRows) return kRows;
  if (W % 2 == 0 && left <= kTallRows) return left;
  return (left + 1) / 2;
}

template <class T, int W>
void RowsOfBlock(TileSite<T> t, float* c, std::int64_t m_begin, std::int64_t m_end) {
  const Gemm& g = t.g;
  const std::int64_t inner = HWY_MAX(g.inner_rows, 1);
  std::int64_t line = m_begin / inner, within = m_begin % inner;
  const std::int64_t depth = t.k_end - t.k_begin;
  const T* const fetched = t.ahead + depth * W * kLanes;
  for (std::int64_t m = m_begin; m < m_end;) {
    const std::int64_t rows = NextRows<W>(m_end - m);
    for (std::int64_t r = 0; r < rows; ++r) {
      t.rows[r] = g.a + line * g.outer_stride + within * g.row_stride;
      t.c[r] = g.c_outer_stride == 0 ? c + (m + r) * g.c_stride
                                     : c + line * g.c_outer_stride + within * g.c_stride;
      if (++within == inner) {
        within = 0;
        ++line;
      }
    }
    AnyTile<T, W>(t, rows);
    m += rows;
    t.ahead = HWY_MIN(fetched, t.ahead + depth * static_cast<std::int64_t>(64 / sizeof(T)));
  }
}

/// The functions that are not applied in registers, while the results are in the cache.
void ActivateBlock(const Gemm& g, std::int64_t column, std::int64_t m_begin, std::int64_t m_end,
                   std::int64_t columns) {
  if (columns == g.c_stride && g.c_outer_stride == 0) {
    float* c = g.c + m_begin * columns;
    apply(g.activation, c, c, (m_end - m_begin) * columns);
    return;
  }
  const std::int64_t inner = g.c_outer_stride == 0 ? g.m : g.inner_rows;
  for (std::int64_t m = m_begin; m < m_end; ++m) {
    float* row = g.c + m / inner * g.c_outer_stride + m % inner * g.c_stride;
    const std::int64_t end = column + columns;
    for (std::int64_t at = column, next = end; at < end; at = next) {  // by runs
      if (g.c_run > 0) next = HWY_MIN(end, (at / g.c_run + 1) * g.c_run);
      apply(g.activation, row + g.c_offset(at), row + g.c_offset(at), next - at);
    }
  }
}

template <class T>
void TasksOf(const Gemm& g, std::int64_t begin, std::int64_t end) {
  const GemmSplit split(g.m, g.n, kColumns);
  const bool in_registers = InRegisters(g.activation.kind);
  for (std::int64_t task = begin; task < end; ++task) {
    const auto [rows, block] = split.task(task);
    const std::int64_t m = split.first_row(rows), m_end = split.first_row(rows + 1);
    const std::int64_t k = g.k(), n = block * kColumns;
    const std::int64_t columns = HWY_MIN(kColumns, g.n - n), vectors = ceil_div(columns, kLanes);
    float* const c = g.c;
    TileSite<T> t{g, {}, {}, 0, 0, nullptr, nullptr, columns, nullptr, nullptr, n};
    if (g.bias != nullptr) t.bias = g.bias + n;
    if (g.scales != nullptr) t.scales = g.scales + n;
    do {  // once for an empty sum too: it gives activation(bias)
      t.k_end = HWY_MIN(k, t.k_begin + kDepth);
      t.b = static_cast<const T*>(g.packed) + n * k + t.k_begin * vectors * kLanes;
      t.ahead = t.b + (t.k_end - t.k_begin) * vectors * kLanes;
      switch (vectors) {
        case 1: RowsOfBlock<T, 1>(t, c, m, m_end); break;
        case 2: RowsOfBlock<T, 2>(t, c, m, m_end); break;
        case 3: RowsOfBlock<T, 3>(t, c, m, m_end); break;
        default: RowsOfBlock<T, 4>(t, c, m, m_end); break;
      }
      t.k_begin = t.k_end;
    } while (t.k_begin < k);
    if (!in_registers) ActivateBlock(g, n, m, m_end, columns);
  }
}

void GemmTasks(const Gemm& g, std::int64_t begin, std::int64_t end) {
  switch (g.storage) {
    case WeightStorage::f32: return TasksOf<float>(g, begin, end);
    case WeightStorage::fp16: return TasksOf<float16>(g, begin, end);
    case WeightStorage::bf16: return TasksOf<bfloat16>(g, begin, end);
    case WeightStorage::int8: return TasksOf<std::int8_t>(g, begin, end);
  }
}

void PackBlocks(const float* b, std::int64_t k, std::int64_t n, std::int64_t k_stride,
                std::int64_t n_stride, float* packed, std::int64_t begin, std::int64_t end,
                std::int64_t first_row, std::int64_t rows) {
  for (std::int64_t block = begin; block < end; ++block) {
    const std::int64_t first = block * kColumns, columns = HWY_MIN(kColumns, n - first);
    const std::int64_t width = ceil_div(columns, kLanes) * kLanes;
    float* to = packed + first * k + first_row * width;
    for (std::int64_t i = 0; i < rows; ++i, to += width) {
      const float* from = b + i * k_stride + first * n_stride;
      if (n_stride == 1) {
        std::copy_n(from, columns, to);
      } else {
        for (std::int64_t j = 0; j < columns; ++j) to[j] = from[j * n_stride];
      }
      for (std::int64_t j = columns; j < width; ++j) to[j] = 0;
    }
  }
}

std::int64_t FloatLanes() { return kLanes; }

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(GemmTasks);
HWY_EXPORT(PackBlocks);
HWY_EXPORT(FloatLanes);

std::int64_t float_lanes() { return HWY_DYNAMIC_DISPATCH(FloatLanes)(); }
std::int64_t gemm_columns() { return 4 * float_lanes(); }

std::int64_t gemm_tasks(std::int64_t m, std::int64_t n) {
  const std::int64_t column_blocks = ceil_div(n, gemm_columns());
  return gemm_row_blocks(m, column_blocks) * column_blocks;
}

std::int64_t gemm_cost(std::int64_t m, std::int64_t k) {
  return std::max<std::int64_t>(1, std::min(m, kGemmRows / 2) * gemm_columns() / 8 * k);
}

std::int64_t packed_size(std::int64_t k, std::int64_t n) {
  const std::int64_t lanes = float_lanes();
  return k * ceil_div(n, lanes) * lanes;
}

PackedBlocks gemm_blocks(std::int64_t k, std::int64_t n) {
  const std::int64_t lanes = float_lanes();
  return {k, ceil_div(n, lanes) * lanes, gemm_columns()};
}

void pack_matrix(const float* b, std::int64_t k, std::int64_t n, std::int64_t k_stride,
                 std::int64_t n_stride, float* packed, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(PackBlocks)
  (b, k, n, k_stride, n_stride, packed, begin, end, 0, k);
}

void pack_matrix_rows(const float* b, std::int64_t k, std::int64_t n, std::int64_t k_stride,
                      float* packed, std::int64_t first, std::int64_t rows) {
  HWY_DYNAMIC_DISPATCH(PackBlocks)
  (b, k, n, k_stride, 1, packed, 0, ceil_div(n, gemm_columns()), first, rows);
}

void gemm(const Gemm& g, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(GemmTasks)(g, begin, end);
}

std::shared_ptr<const float> packed_weights(const Site& site, int operand,
                                            const std::string& layout, std::int64_t floats,
                                            const std::function<void(const float*, float*)>& pack) {
  return packed_weights(
      site, operand, layout, floats, 1,
      [&](const float* from, std::int64_t, std::int64_t, float* to) { pack(from, to); });
}

std::shared_ptr<const float> packed_weights(const Site& site, int operand,
                                            const std::string& layout, std::int64_t floats,
                                            std::int64_t rows, const PackRows& pack) {
  const Tensor& source = *site.constants[static_cast<std::size_t>(operand)];
  const auto make = [&]() -> std::shared_ptr<const void> {
    const auto bytes = static_cast<std::size_t>(floats) * sizeof(float);
    std::shared_ptr<std::byte> memory;
    if (site.packs != nullptr) {
      memory = site.packs->allocate(bytes);
    } else {
      memory = {allocate_aligned(bytes).release(), AlignedFree{}};
    }
    auto* to = reinterpret_cast<float*>(memory.get());
    read_rows_once(source, rows, [&](const void* from, std::int64_t first, std::int64_t count) {
      pack(static_cast<const float*>(from), first, count, to);
    });
    return memory;
  };
  const std::shared_ptr<const void> packed =
      site.packs == nullptr ? make() : site.packs->get(source, layout, make);
  return std::static_pointer_cast<const float>(packed);
}

std::string layout_name(const char* kind, std::initializer_list<std::int64_t> numbers) {
  std::string name = kind;
  for (const std::int64_t number : numbers) name += '/' + std::to_string(number);
  return name;
}

bool gemm_activation(const UnaryFn& fn) { return has_vector_form(fn.kind); }

}  // namespace thaw::cpu
#endif
