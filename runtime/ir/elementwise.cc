#include "runtime/ir/elementwise.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/ir/ops.h"
#include "runtime/ir/text_scanner.h"

namespace thaw {
namespace {

class ElementwiseParser {
 public:
  ElementwiseParser(const std::string& text, int operands)
      : scanner_(text), used_(static_cast<std::size_t>(std::max(operands, 0)), false) {}

  ElementwiseExpression parse() {
    if (used_.size() > kMaxElementwiseOperands) {
      scanner_.fail_at(0, "expected at most {} operands, found {}", kMaxElementwiseOperands,
                       used_.size());
    }
    if (source(0) >= 0) scanner_.fail_at(0, "expected a function, found an operand alone");
    if (!scanner_.at_end()) scanner_.fail_at(scanner_.mark(), "expected the end");
    const auto unused = std::find(used_.begin(), used_.end(), false);
    if (unused != used_.end()) {
      scanner_.fail_at(0, "operand ${} is not used", unused - used_.begin());
    }
    return std::move(result_);
  }

 private:
  // `depth` is bounded by the number of steps: every level is a step that is not complete yet.
  std::int16_t source(int depth) {
    if (scanner_.accept("$")) return operand();
    if (depth >= kMaxElementwiseSteps) too_many();
    const std::size_t begin = scanner_.mark();
    const std::string name = scanner_.word("a function or $operand");
    ElementwiseStep step;
    if (kind_from_name(name, step.kind)) {
      step.binary = true;
      if (is_predicate(step.kind)) scanner_.fail_at(begin, "{} gives bool", name);
    } else if (kind_from_name(name, step.unary.kind)) {
      if (is_predicate(step.unary.kind)) scanner_.fail_at(begin, "{} gives bool", name);
      parameters(step.unary);
    } else {
      scanner_.fail_at(begin, "unknown function '{}'", name);
    }
    scanner_.expect("(");
    step.sources[0] = source(depth + 1);
    if (step.binary) {
      scanner_.expect(",");
      step.sources[1] = source(depth + 1);
    }
    scanner_.expect(")");
    if (result_.steps.size() >= kMaxElementwiseSteps) too_many();
    result_.steps.push_back(step);
    return static_cast<std::int16_t>(-static_cast<int>(result_.steps.size()));
  }

  std::int16_t operand() {
    const std::size_t begin = scanner_.mark();
    const int index = scanner_.number<int>();
    if (index < 0 || static_cast<std::size_t>(index) >= used_.size()) {
      scanner_.fail_at(begin, "expected an operand in [0, {}), found {}", used_.size(), index);
    }
    used_[static_cast<std::size_t>(index)] = true;
    return static_cast<std::int16_t>(index);
  }

  void parameters(UnaryFn& fn) {
    if (!scanner_.accept("<")) return;
    fn.alpha = scanner_.number<double>();
    scanner_.expect(",");
    fn.beta = scanner_.number<double>();
    scanner_.expect(">");
  }

  [[noreturn]] void too_many() {
    scanner_.fail_at(scanner_.mark(), "expected at most {} functions", kMaxElementwiseSteps);
  }

  text::Scanner scanner_;
  std::vector<bool> used_;
  ElementwiseExpression result_;
};

std::string text_of(const ElementwiseExpression& expression, int source) {
  if (source >= 0) return fmt::format("${}", source);
  const ElementwiseStep& step = expression.steps[static_cast<std::size_t>(-1 - source)];
  const std::string first = text_of(expression, step.sources[0]);
  if (step.binary) {
    return fmt::format("{}({}, {})", name_of(step.kind), first,
                       text_of(expression, step.sources[1]));
  }
  const UnaryFn& fn = step.unary;
  if (fn.alpha == 0 && fn.beta == 0) return fmt::format("{}({})", name_of(fn.kind), first);
  return fmt::format("{}<{}, {}>({})", name_of(fn.kind), fn.alpha, fn.beta, first);
}

}  // namespace

ElementwiseExpression parse_elementwise(const std::string& text, int operands) {
  return ElementwiseParser(text, operands).parse();
}

std::string to_string(const ElementwiseExpression& expression) {
  return text_of(expression, -static_cast<int>(expression.steps.size()));
}

}  // namespace thaw
