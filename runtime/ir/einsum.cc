#include "runtime/ir/einsum.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw {
namespace {

bool is_label(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// One comma-free term: letters and at most one "...".
std::string parse_term(const std::string& equation, const std::string& term) {
  std::string labels;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (is_label(term[i])) {
      labels += term[i];
    } else if (term.compare(i, 3, "...") == 0 && labels.find(kEllipsis) == std::string::npos) {
      labels += kEllipsis;
      i += 2;
    } else {
      fail(ErrorCode::invalid_argument, "equation '{}': expected letters and one '...', found '{}'",
           printable(equation), printable(term));
    }
  }
  return labels;
}

/// numpy's output when none is written: the ellipsis, then the labels that occur once, sorted.
std::string implicit_output(const std::vector<std::string>& inputs) {
  const std::string all = [&] {
    std::string joined;
    for (const std::string& input : inputs) joined += input;
    return joined;
  }();
  std::string output;
  for (const char c : all) {
    if (c != kEllipsis && std::count(all.begin(), all.end(), c) == 1) output += c;
  }
  std::sort(output.begin(), output.end());
  if (all.find(kEllipsis) != std::string::npos) output.insert(output.begin(), kEllipsis);
  return output;
}

void check_output(const std::string& equation, const EinsumEquation& parsed) {
  for (std::size_t i = 0; i < parsed.output.size(); ++i) {
    const char c = parsed.output[i];
    if (parsed.output.find(c, i + 1) != std::string::npos) {
      fail(ErrorCode::unimplemented, "equation '{}': label '{}' is repeated in the output",
           printable(equation), c);
    }
    const bool known = std::any_of(parsed.inputs.begin(), parsed.inputs.end(),
                                   [&](const auto& in) { return in.find(c) != std::string::npos; });
    if (!known) {
      fail(ErrorCode::invalid_argument, "equation '{}': the output's '{}' is in no operand",
           printable(equation), c == kEllipsis ? "..." : std::string(1, c));
    }
  }
}

}  // namespace

EinsumEquation parse_einsum(const std::string& equation, int operands) {
  std::string text;
  std::copy_if(equation.begin(), equation.end(), std::back_inserter(text),
               [](char c) { return c != ' '; });
  const std::size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  EinsumEquation parsed;
  for (std::size_t begin = 0; begin <= left.size();) {
    const std::size_t comma = std::min(left.find(',', begin), left.size());
    parsed.inputs.push_back(parse_term(equation, left.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  if (static_cast<int>(parsed.inputs.size()) != operands) {
    fail(ErrorCode::invalid_argument, "equation '{}': expected {} operand(s), found {}",
         printable(equation), parsed.inputs.size(), operands);
  }
  parsed.output = arrow == std::string::npos ? implicit_output(parsed.inputs)
                                             : parse_term(equation, text.substr(arrow + 2));
  check_output(equation, parsed);
  return parsed;
}

std::vector<int> axis_labels(const std::string& term, int rank) {
  std::vector<int> labels;
  for (const char c : term) {
    if (c == kEllipsis) {
      for (int d = rank - static_cast<int>(term.size()) + 1; d > 0; --d) labels.push_back(-d);
    } else {
      labels.push_back(c);
    }
  }
  return labels;
}

}  // namespace thaw
