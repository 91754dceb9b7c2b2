// Packed GEMM. B: [column block][k][4 vectors]; a tile of 6 (AVX-512) or 3 rows x 4 vectors stays
// in registers for up to kDepth steps of k; tasks are blocks of kGemmRows rows x one column block.
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

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

constexpr int kRows = kLanes >= 16 ? 6 : 3;  // x 4 vectors = what the register file holds
constexpr std::int64_t kColumns = 4 * kLanes;
constexpr std::int64_t kDepth = 384;

/// One register tile: where its rows are and which part of k it sums. T: the weights' elements.
template <class T>
struct TileSite {
  const Gemm& g;
  const float* rows[6];
  std::int64_t k_begin, k_end;
  const T* b;  // at k_begin
  float* c;
  std::int64_t columns;  // of the block, <= NV vectors
  const float *bias, *scales;
};

template <class T, int MR, int NV>
HWY_INLINE void MultiplyRun(const float* const (&rows)[6], std::int64_t offset, std::int64_t count,
                            const T* HWY_RESTRICT b, V (&acc)[MR][NV]) {
  for (std::int64_t k = 0; k < count; ++k, b += NV * kLanes) {
    V column[NV];
    HWY_UNROLL(8)
    for (int v = 0; v < NV; ++v) column[v] = LoadWeights(b + v * kLanes);
    HWY_UNROLL(8)
    for (int r = 0; r < MR; ++r) {
      const V a = Splat(rows[r][offset + k]);
      HWY_UNROLL(8)
      for (int v = 0; v < NV; ++v) acc[r][v] = hn::MulAdd(a, column[v], acc[r][v]);
    }
  }
}

HWY_INLINE V Activate(const VectorFn& fn, V x) {
  if (fn.kind == UnaryKind::linear) return x;
  if (fn.kind == UnaryKind::relu) return Relu(x);
  return CallFunction(fn, x);
}

template <class T, int MR, int NV>
HWY_INLINE void Finish(const TileSite<T>& t, V (&acc)[MR][NV]) {
  const bool first = t.k_begin == 0, last = t.k_end == t.g.k();
  const VectorFn fn(t.g.activation);
  for (int v = 0; v < NV; ++v) {
    const std::int64_t at = v * kLanes, count = t.columns - at;
    const bool whole = count >= kLanes;
    V bias = hn::Zero(f), scale = hn::Zero(f);
    if constexpr (std::is_same_v<T, std::int8_t>) scale = hn::LoadU(f, t.scales + at);
    if (last && t.bias != nullptr) {
      bias = whole ? hn::LoadU(f, t.bias + at) : LoadPartial(t.bias + at, count);
    }
    HWY_UNROLL(8)
    for (int r = 0; r < MR; ++r) {
      float* c = t.c + r * t.g.c_stride + at;
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

template <class T, int MR, int NV>
HWY_NOINLINE void Tile(const TileSite<T>& t) {
  V acc[MR][NV];
  for (int r = 0; r < MR; ++r) {
    for (int v = 0; v < NV; ++v) acc[r][v] = hn::Zero(f);
  }
  const std::int64_t length = HWY_MAX(t.g.segment_length, 1);
  const T* b = t.b;
  std::int64_t segment = t.k_begin / length, within = t.k_begin % length;
  for (std::int64_t k = t.k_begin; k < t.k_end; ++segment, within = 0) {
    const std::int64_t count = HWY_MIN(length - within, t.k_end - k);
    const std::int64_t start = t.g.segment_offsets == nullptr ? 0 : t.g.segment_offsets[segment];
    MultiplyRun<T, MR, NV>(t.rows, start + within, count, b, acc);
    b += count * NV * kLanes;
    k += count;
  }
  Finish<T, MR, NV>(t, acc);
}

template <class T, int NV>
void RowsOfBlock(TileSite<T> t, std::int64_t m_begin, std::int64_t m_end) {
  const Gemm& g = t.g;
  float* const c = t.c;
  for (std::int64_t m = m_begin; m < m_end;) {
    const std::int64_t left = m_end - m;
    const int rows = left >= kRows ? kRows : left >= 4 && kRows > 4 ? 4 : left >= 2 ? 2 : 1;
    for (int r = 0; r < rows; ++r) {
      const std::int64_t row = m + r;
      t.rows[r] = g.a + row / g.inner_rows * g.outer_stride + row % g.inner_rows * g.row_stride;
    }
    t.c = c + m * g.c_stride;
    switch (rows) {
      case 1: Tile<T, 1, NV>(t); break;
      case 2: Tile<T, 2, NV>(t); break;
      case 4: Tile<T, (kRows < 4 ? kRows : 4), NV>(t); break;  // AVX-512 only
      default: Tile<T, kRows, NV>(t); break;
    }
    m += rows;
  }
}

template <class T>
void TasksOf(const Gemm& g, std::int64_t begin, std::int64_t end) {
  const std::int64_t k = g.k(), blocks = ceil_div(g.n, kColumns);
  for (std::int64_t task = begin; task < end; ++task) {
    const std::int64_t block = task % blocks, m = task / blocks * kGemmRows;
    const std::int64_t m_end = HWY_MIN(g.m, m + kGemmRows), n = block * kColumns;
    const std::int64_t columns = HWY_MIN(kColumns, g.n - n), vectors = ceil_div(columns, kLanes);
    TileSite<T> t{g, {}, 0, 0, nullptr, g.c + n, columns, nullptr, nullptr};
    if (g.bias != nullptr) t.bias = g.bias + n;
    if (g.scales != nullptr) t.scales = g.scales + n;
    do {  // once for an empty sum too: it gives activation(bias)
      t.k_end = HWY_MIN(k, t.k_begin + kDepth);
      t.b = static_cast<const T*>(g.packed) + n * k + t.k_begin * vectors * kLanes;
      switch (vectors) {
        case 1: RowsOfBlock<T, 1>(t, m, m_end); break;
        case 2: RowsOfBlock<T, 2>(t, m, m_end); break;
        case 3: RowsOfBlock<T, 3>(t, m, m_end); break;
        default: RowsOfBlock<T, 4>(t, m, m_end); break;
      }
      t.k_begin = t.k_end;
    } while (t.k_begin < k);
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
                std::int64_t n_stride, float* packed, std::int64_t begin, std::int64_t end) {
  for (std::int64_t block = begin; block < end; ++block) {
    const std::int64_t first = block * kColumns, columns = HWY_MIN(kColumns, n - first);
    const std::int64_t width = ceil_div(columns, kLanes) * kLanes;
    float* to = packed + first * k;
    for (std::int64_t i = 0; i < k; ++i, to += width) {
      const float* from = b + i * k_stride + first * n_stride;
      for (std::int64_t j = 0; j < columns; ++j) to[j] = from[j * n_stride];
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
  HWY_DYNAMIC_DISPATCH(PackBlocks)(b, k, n, k_stride, n_stride, packed, begin, end);
}

void gemm(const Gemm& g, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(GemmTasks)(g, begin, end);
}

std::shared_ptr<const float> packed_weights(const Site& site, int operand,
                                            const std::string& layout, std::int64_t floats,
                                            const std::function<void(const float*, float*)>& pack) {
  const Tensor& source = *site.constants[static_cast<std::size_t>(operand)];
  const auto make = [&]() -> std::shared_ptr<const void> {
    std::shared_ptr<std::byte> memory(
        allocate_aligned(static_cast<std::size_t>(floats) * sizeof(float)).release(),
        AlignedFree{});
    pack(source.data<float>(), reinterpret_cast<float*>(memory.get()));
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
