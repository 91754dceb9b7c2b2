// The cells in the step of a loop: one, or several that take each other's outputs.
#include <algorithm>

#include "loaders/tf/rnn_loop.h"

namespace thaw::tf {

// The states of the cells, without the output that masked steps repeat.
std::vector<int> Loop::cell_states(ValueId old_output) {
  std::vector<int> states = states_;
  if (masked()) {
    const int previous = variable(old_output);
    if (zero_in_body(old_output)) {
      zero_output_ = true;
    } else {
      require(previous >= 0 && body_out(previous) == item_ && is_zero(g_, operand(previous)),
              "a masked step gives something else than the previous output");
    }
    // With zeros for masked steps, the previous output is carried although nothing reads it.
    for (int i : states_) {
      if (body_out(i) == item_ && (zero_output_ || i == previous)) previous_ = i;
    }
    if (previous_ >= 0) std::erase(states, previous_);
  }
  return states;
}

void Loop::find_cells() {
  ValueId old_output = -1;
  const Node& last = producer(*body_, item_);
  if (mask_list_ < 0 && std::holds_alternative<ops::Select>(last.op)) {
    if (const auto mask = length_mask(last.inputs[0])) lengths_ = mask->lengths;
  }
  const ValueId h_next = unmask(item_, old_output);
  std::vector<int> states = cell_states(old_output);
  require(!states.empty() && states.size() <= 32, "there are no states, or very many");
  std::map<int, ValueId> next;
  for (int i : states) {
    ValueId old_state = body_in(i);
    next[i] = unmask(body_out(i), old_state);
    require(variable(old_state) == i, "a masked step does not keep a state");
  }
  require(std::ranges::any_of(next, [&](const auto& entry) { return entry.second == h_next; }),
          "no state is the output");
  ValueId x = x_;
  while (!states.empty()) {
    require(find_next_cell(next, states, x),
            cells_.empty() ? no_cell() : "a cell behind the first is no LSTM, GRU or simple cell");
  }
  require(x == h_next, "the output is not that of the last cell");
  require(cells_.size() == 1 ||
              std::ranges::none_of(cells_,
                                   [](const Cell& cell) { return cell.match.conv.has_value(); }),
          "convolutional cells are stacked");
  require(!cells_[0].match.conv || !zero_output_,
          "masked steps of a convolutional cell give zeros");
}

// What stands in the way of a cell.
const char* Loop::no_cell() const {
  for (const Node& n : body_->nodes) {
    if (std::holds_alternative<ops::SpaceToBatch>(n.op)) return "its convolutions are dilated";
    if (std::holds_alternative<ops::Conv>(n.op)) return "the step is no ConvLSTM cell";
  }
  return "the step is no LSTM, GRU or simple cell";
}

bool Loop::stays(ValueId value) const {
  const int i = variable(value);
  if (i >= 0) return invariant(i);
  const Node& n = producer(*body_, skip_identity(*body_, value));
  if (std::holds_alternative<ops::Constant>(n.op)) return true;
  return moves_elements(n.op) &&
         std::ranges::all_of(n.inputs, [this](ValueId input) { return stays(input); });
}

bool Loop::weights_stay(const CellMatch& match) const {
  std::vector<ValueId> all = match.bias;
  all.insert(all.end(), match.recurrent_bias.begin(), match.recurrent_bias.end());
  for (const GateWeights& gate : match.gates) {
    all.insert(all.end(), gate.bias.begin(), gate.bias.end());
    all.insert(all.end(), {gate.kernel, gate.recurrent});
  }
  if (match.gates.empty()) all.insert(all.end(), {match.kernel, match.recurrent});
  if (match.candidate_recurrent >= 0) all.push_back(match.candidate_recurrent);
  return std::ranges::all_of(all, [this](ValueId value) { return stays(value); });
}

std::optional<CellMatch> Loop::match(const CellQuestion& question) {
  auto found = match_cell(*body_, question);
  if (!found) found = match_split_cell(*body_, question);
  if (!found) {
    Graph changed = *body_;
    found = match_joined_cell(changed, question);
    if (found) {
      changed_body_ = std::move(changed);
      body_ = &changed_body_;
    }
  }
  if (found && !weights_stay(*found)) found.reset();
  return found;
}

// A cell whose input is x: two of the states, or one. Then x is its output.
bool Loop::find_next_cell(const std::map<int, ValueId>& next, std::vector<int>& states,
                          ValueId& x) {
  std::vector<int> memories = states;
  memories.push_back(-1);
  for (const int c : memories) {
    for (const int h : states) {
      if (h == c) continue;
      const CellQuestion question{x, body_in(h), c < 0 ? -1 : body_in(c), next.at(h),
                                  c < 0 ? -1 : next.at(c)};
      auto found = match(question);
      if (!found) continue;
      cells_.push_back({std::move(*found), h, c});
      x = next.at(h);
      std::erase(states, h);
      if (c >= 0) std::erase(states, c);
      return true;
    }
  }
  return false;
}

}  // namespace thaw::tf
