// A loop that is asked whether it is a recurrent layer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loaders/tf/graph_query.h"
#include "loaders/tf/rnn_cell.h"
#include "runtime/ir/builder.h"

namespace thaw::tf {

/// Why a loop stays a loop; thrown by Loop::raise and caught by raise_recurrent.
struct NotRecurrent {
  std::string why;
};

inline void require(bool holds, const char* why) {
  if (!holds) throw NotRecurrent{why};
}

/// One While node. Matching (rnn_loop_match.cc) reads the graph only; replacing
/// (rnn_loop_replace.cc) appends an Rnn node and turns the users of the loop to it.
class Loop {
 public:
  Loop(Graph& graph, NodeId id, const Evaluator& evaluator);

  /// Gives what the loop has become: "LSTM", "GRU, GRU". Throws NotRecurrent before anything is
  /// changed.
  std::string raise();

 private:
  const Node& node() const { return g_.nodes[static_cast<std::size_t>(id_)]; }
  ValueId operand(int i) const { return node().inputs[static_cast<std::size_t>(i)]; }
  ValueId body_in(int i) const { return body_->inputs[static_cast<std::size_t>(i)]; }
  ValueId body_out(int i) const {
    return skip_identity(*body_, body_->outputs[static_cast<std::size_t>(i)]);
  }
  int count() const { return static_cast<int>(node().inputs.size()); }
  /// The loop variable that a body value is, or -1.
  int variable(ValueId value) const;
  bool invariant(int i) const { return body_out(i) == body_in(i); }
  const Shape& body_shape(ValueId value) const {
    return body_->values[static_cast<std::size_t>(value)].type.shape;
  }

  void find_roles();
  bool counts(int i) const;
  void find_item();
  void find_cells();
  const char* no_cell() const;
  std::vector<int> cell_states(ValueId old_output);
  bool find_next_cell(const std::map<int, ValueId>& next, std::vector<int>& states, ValueId& x);
  std::optional<CellMatch> match(const CellQuestion& question);
  bool weights_stay(const CellMatch& match) const;
  bool stays(ValueId value) const;
  void find_iterations();
  void check_bound(const Node& less, const Size& steps);
  bool lengths_at_most(double number) const;
  bool holds_longest(ValueId value) const;
  ValueId smaller_bound(ValueId value, const Size& steps) const;
  void check_uses();
  void replace();
  /// new value of a masked update, if the body has a mask; sets `old_value`.
  ValueId unmask(ValueId value, ValueId& old_value);
  bool is_mask(ValueId condition);
  /// Which steps TensorFlow 1 passes over: those from a row's length on.
  struct LengthMask {
    ValueId lengths = -1;  // body: [B]
    bool beyond = false;   // true for the steps that are passed over, else for the others
  };
  std::optional<LengthMask> length_mask(ValueId condition) const;
  bool masked() const { return mask_list_ >= 0 || lengths_ >= 0; }
  bool zero_in_body(ValueId value) const;
  ValueId outside(ValueId body_value);
  ValueId outside_part(ValueId body_value);
  ValueId add_up(const std::vector<ValueId>& summands, std::int64_t size, DType dtype);
  ValueId gate_biases(const CellMatch& cell, std::int64_t units, DType dtype);
  ValueId bias_operand(const CellMatch& cell, std::int64_t columns, DType dtype);
  ValueId kernel_operand(const CellMatch& cell);
  ValueId recurrent_operand(const CellMatch& cell);

  /// One raised cell: its match and the loop variables that are its states.
  struct Cell {
    CellMatch match;
    int h = -1, c = -1;
  };
  /// The sequence as the nodes take it.
  struct Sequence {
    ValueId x = -1;
    std::vector<ValueId> mask;  // [B, T], or none
    bool go_backwards = false, time_major = true;
  };
  Sequence sequence();
  bool starts_at_zero(const Cell& cell) const;
  std::vector<ValueId> operands(const Cell& cell, const Sequence& sequence, ValueId kernel,
                                ValueId recurrent, ValueId bias) const;
  std::vector<ValueId> add_rnn(const Cell& cell, const Sequence& sequence, bool every_step);
  std::vector<ValueId> add_conv_lstm(const Cell& cell, const Sequence& sequence);
  void replace_list(ValueId y, bool time_major);

  Graph& g_;
  NodeId id_;
  GraphBuilder builder_;
  const Graph* cond_;
  const Graph* body_;
  Graph changed_body_;  // with constants that the match made; then body_ is this one

  std::vector<int> counters_, states_;
  int output_list_ = -1;
  ValueId step_index_ = -1;           // body: index that the item is stored at
  ValueId item_ = -1;                 // body: what is stored
  int x_list_ = -1, mask_list_ = -1;  // loop variables
  ValueId x_ = -1, mask_ = -1;        // body: the step's
  ValueId lengths_ = -1;              // body: of the rows, instead of a mask
  int previous_ = -1;
  bool zero_output_ = false, every_step_ = false;
  std::vector<Cell> cells_;  // one after the other
  std::map<ValueId, ValueId> outside_;
};

}  // namespace thaw::tf
