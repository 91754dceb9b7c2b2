// Axes that are computed at run time.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf {

/// An axis of a tensor, known at run time: ops with an axis of their own work on [before, along,
/// behind] instead, sizes that are computed. Ranks may be unknown too.
class RunTimeAxis {
 public:
  /// `axis`: one integer, which counts from the end if negative; checked as the graph runs. `more`:
  /// how many axes there may be beyond those of `x`.
  RunTimeAxis(GraphBuilder& g, ValueId x, ValueId axis, int more = 0);

  /// The axis itself, not negative, as an int64 vector of one element.
  ValueId axis() const { return axis_; }
  /// Sizes in front of the axis, along it and behind it: int64 vectors.
  ValueId before() const { return before_; }
  ValueId along() const { return along_; }
  ValueId behind() const { return behind_; }
  /// x, or another tensor that has its shape but for this axis, with three axes.
  ValueId flat(ValueId x) const;
  /// `flat` reshaped to the sizes in front of the axis, `middle` and those behind it; `added`: by
  /// how much its rank differs from that of x.
  ValueId whole(ValueId flat, ValueId middle, int added = 0) const;
  /// The same for results without the axis.
  ValueId without_axis(ValueId flat) const;

 private:
  ValueId reshaped(ValueId flat, const std::vector<ValueId>& dims, int rank) const;

  GraphBuilder& g_;
  int rank_ = -1;  // of x, if known
  ValueId axis_, before_, along_, behind_;
};

/// y, which has the sizes of x, with what is known of them.
ValueId refine_like(GraphBuilder& g, ValueId y, ValueId x);
/// Throws at run time unless all of `holds` are true.
void check_at_run_time(GraphBuilder& g, const char* message, ValueId holds);
/// An operand of the only rank that the op takes.
ValueId of_rank(OpContext& c, int operand, int rank);
/// The sizes of a tensor: an int64 vector.
ValueId run_time_dims(GraphBuilder& g, ValueId x);
/// Elements [begin, end) of a vector; `end` kNoValue: all behind `begin`. Both are vectors of one.
ValueId run_time_part(GraphBuilder& g, ValueId vector, ValueId begin, ValueId end);

/// Tensors joined along an axis that is computed.
ValueId concat_at_run_time(GraphBuilder& g, const std::vector<ValueId>& xs, ValueId axis);
/// x with the axes reversed that are listed in `axes`, a vector that is computed.
ValueId reverse_at_run_time(GraphBuilder& g, ValueId x, ValueId axes);
/// x with the axes reversed where `flags` has true.
ValueId reverse_where(GraphBuilder& g, ValueId x, ValueId flags);
/// x, whose rank may be unknown, moved round in a circle by `shifts` along `axes`.
ValueId roll_any_axes(GraphBuilder& g, ValueId x, ValueId shifts, ValueId axes);

}  // namespace thaw::tf
