// What a backend makes for one node: prepared once for a site, run many times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/thread_pool.h"
#include "runtime/ir/graph.h"

namespace thaw {

/// Memory of one operand or result, dense row-major unless it has gaps; the type belongs to the
/// site and outlives the view.
struct View {
  void* data = nullptr;
  const TensorType* type = nullptr;
  /// With gaps, where the kernel allows them (Kernel::reads_rows, writes_rows): rows of `columns`
  /// elements, `pitch` elements from one to the next. Without: 0.
  std::int64_t columns = 0, pitch = 0;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  template <class T>
  T* as_mutable() const {
    return static_cast<T*>(data);
  }
  std::int64_t dim(int axis) const { return type->shape[axis]; }
  /// Elements from one row of `dense` elements, which is what gaps are allowed between, to the
  /// next.
  std::int64_t row_stride(std::int64_t dense) const { return pitch == 0 ? dense : pitch; }
  /// Where element `index` is, counted from `data`.
  std::int64_t offset_of(std::int64_t index) const {
    return pitch == 0 ? index : index / columns * pitch + index % columns;
  }
  int rank() const { return type->shape.rank(); }
};

struct Args {
  std::span<const View> in;
  std::span<const View> out;
  std::byte* workspace = nullptr;  // Kernel::workspace() bytes, 64-byte aligned, contents undefined
  ThreadPool* pool = nullptr;      // never null in a session
};

/// What run() does with an operand.
enum class OperandUse : std::uint8_t {
  elements,  // reads them, aligned to their element
  bytes,     // reads them as bytes, at any alignment
  nothing,   // does not: they were packed at preparation, and View::data may be null
};

/// Immutable after preparation: run() may be called by several sessions at once, each with its own
/// Args. run() allocates nothing and decides nothing; it throws Error only for bad elements (an
/// index out of range) or a failing device. Views are aligned to their element, no more. Results
/// never overlap operands, with two exceptions: the result of a Unary, Binary or Elementwise may be
/// the memory of an operand with the result's shape, when their elements have one size. Kernels of
/// these three therefore read element i of such an operand before they write element i, and never
/// read it again, whatever the split between threads. And an operand of a Concat that reads_rows()
/// may lie where it belongs in the result: it is left there. Elements in gaps are neither read nor
/// written.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(const Args& args) const = 0;
  /// Which implementation this is, for people ("onednn matmul"); a literal.
  virtual const char* name() const { return "reference"; }
  /// Decides whether a constant whose elements are still in their file is brought into memory.
  virtual OperandUse use([[maybe_unused]] std::size_t operand) const {
    return OperandUse::elements;
  }
  /// Whether an operand, a result may have gaps between rows of so many elements, each of which is
  /// a number of its last dimensions: a value then lies where a Concat wants it or a Split has it.
  virtual bool reads_rows([[maybe_unused]] std::size_t operand,
                          [[maybe_unused]] std::int64_t columns) const {
    return false;
  }
  virtual bool writes_rows([[maybe_unused]] std::size_t result,
                           [[maybe_unused]] std::int64_t columns) const {
    return false;
  }
  std::size_t workspace() const { return workspace_; }

 protected:
  std::size_t workspace_ = 0;
};

/// Weights in a kernel's own layout, shared by all plans of a model.
class PackCache;

/// Where a kernel will stand: all types static, host operands constant.
struct Site {
  const Op& op;
  std::span<const TensorType> in, out;
  std::span<const Tensor* const> constants;  // per operand; null if it is not a constant
  PackCache* packs = nullptr;                // may be null: pack privately
  int threads = 1;

  template <class T>
  const T& op_as() const {
    return std::get<T>(op);
  }
  /// The elements of host operand `i`.
  std::vector<std::int64_t> ints(int i) const {
    return to_ints(*constants[static_cast<std::size_t>(i)]);
  }
};

}  // namespace thaw
