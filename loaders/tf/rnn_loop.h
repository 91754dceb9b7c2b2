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

/// One While node. Matching (rnn_loop_match.cc) reads the graph only; replacing
/// (rnn_loop_replace.cc) appends an Rnn node and turns the users of the loop to it.
class Loop {
 public:
  Loop(Graph& graph, NodeId id, const Evaluator& evaluator);

  /// Gives the kind of cell. Throws NotRecurrent before anything is changed.
  CellKind raise();

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
  void find_cell();
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
  ValueId add_up(const std::vector<ValueId>& summands, std::int64_t size);
  ValueId bias_operand(std::int64_t units);
  ValueId recurrent_operand();
  std::vector<ValueId> sequence_operands(ops::Rnn& op, ValueId& x);
  void replace_list(const ops::Rnn& op, ValueId y);

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
  int h_ = -1, c_ = -1, previous_ = -1;
  bool zero_output_ = false, every_step_ = false;
  CellMatch cell_;
  std::map<ValueId, ValueId> outside_;
};

}  // namespace thaw::tf
