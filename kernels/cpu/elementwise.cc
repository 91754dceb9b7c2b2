// Expressions of elementwise functions on float32: every step runs over a block that stays in the
// first-level cache before the next step takes it up, so that only operands and result touch
// memory.
#include "runtime/ir/elementwise.h"

#include <algorithm>
#include <array>

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/kernels.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kBlock = 512;  // elements
constexpr int kTemporaries = 4;

/// A step with the temporary that its result goes to.
struct BlockStep {
  ElementwiseStep step;
  int result = 0;
};

/// Gives every step a temporary, a source's where it can; false if there are too few.
bool assign_temporaries(const ElementwiseExpression& expression, std::vector<BlockStep>& steps) {
  std::array<bool, kTemporaries> taken{};
  for (const ElementwiseStep& step : expression.steps) {
    for (const std::int16_t source : step.sources) {
      if (source < 0)
        taken[static_cast<std::size_t>(steps[static_cast<std::size_t>(-1 - source)].result)] =
            false;
    }
    const auto free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) return false;
    *free = true;
    steps.push_back({step, static_cast<int>(free - taken.begin())});
  }
  return true;
}

class ElementwiseKernel final : public Kernel {
 public:
  using Loop = Broadcast<kMaxElementwiseOperands>;
  ElementwiseKernel(std::vector<BlockStep> steps, Loop loop, std::vector<bool> whole)
      : steps_(std::move(steps)), loop_(std::move(loop)), whole_(std::move(whole)) {}
  const char* name() const override { return "cpu elementwise"; }
  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return columns >= kLeastRow && whole_[operand];
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns >= kLeastRow;
  }

  void run(const Args& args) const override {
    float* out = args.out[0].as_mutable<float>();
    parallel_rows(args, loop_, 4 * static_cast<std::int64_t>(steps_.size()),
                  [&](std::int64_t row, const auto& at, std::int64_t first, std::int64_t count) {
                    const std::int64_t begin = row * loop_.row_size() + first;
                    for_pieces(args, begin, count, [&](std::int64_t index, std::int64_t some) {
                      float* to = out + args.out[0].offset_of(index);
                      for (std::int64_t i = 0; i < some; i += kBlock) {
                        block(args, at, index - begin + i, std::min(kBlock, some - i), to + i);
                      }
                    });
                  });
  }

 private:
  void block(const Args& args, const Loop::Offsets& at, std::int64_t begin, std::int64_t count,
             float* out) const {
    alignas(64) float temporaries[kTemporaries][kBlock];
    const auto source = [&](std::int16_t index) -> std::pair<const float*, std::int64_t> {
      if (index < 0) {
        return {temporaries[steps_[static_cast<std::size_t>(-1 - index)].result], 1};
      }
      const auto operand = static_cast<std::size_t>(index);
      const std::int64_t stride = loop_.row_strides()[operand];
      const View& view = args.in[operand];
      return {view.as<float>() + view.offset_of(at[operand] + begin * stride), stride};
    };
    for (const BlockStep& each : steps_) {
      float* to = &each == &steps_.back() ? out : temporaries[each.result];
      const auto [x, x_stride] = source(each.step.sources[0]);
      if (each.step.binary) {
        const auto [y, y_stride] = source(each.step.sources[1]);
        apply_row(each.step.kind, x, x_stride, y, y_stride, to, count);
      } else if (x_stride == 0 && count > 1) {
        apply(each.step.unary, x, to, 1);
        std::fill_n(to + 1, count - 1, *to);
      } else {
        apply(each.step.unary, x, to, count);
      }
    }
  }

  std::vector<BlockStep> steps_;
  Loop loop_;
  std::vector<bool> whole_;  // per operand: as many elements as the result
};

}  // namespace

bool fuses_elementwise(const Op& op) {
  if (const auto* unary = std::get_if<ops::Unary>(&op)) return has_vector_form(unary->fn.kind);
  const auto* binary = std::get_if<ops::Binary>(&op);
  return binary != nullptr && has_vector_form(binary->kind);
}

std::unique_ptr<Kernel> prepare_elementwise(const Site& site) {
  if (!all_float32(site)) return nullptr;
  const ElementwiseExpression expression = parse_elementwise(
      site.op_as<ops::Elementwise>().expression, static_cast<int>(site.in.size()));
  for (const ElementwiseStep& step : expression.steps) {
    const bool known = step.binary ? has_vector_form(step.kind) : has_vector_form(step.unary.kind);
    if (!known) return nullptr;
  }
  std::vector<BlockStep> steps;
  if (!assign_temporaries(expression, steps)) return nullptr;
  static const Shape scalar;
  std::array<const Shape*, kMaxElementwiseOperands> shapes;
  shapes.fill(&scalar);
  const Shape& result = site.out[0].shape;
  std::vector<bool> whole;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    shapes[i] = &site.in[i].shape;
    whole.push_back(shapes[i]->num_elements() == result.num_elements());
  }
  return std::make_unique<ElementwiseKernel>(
      std::move(steps), ElementwiseKernel::Loop(result, shapes), std::move(whole));
}

}  // namespace thaw::cpu
