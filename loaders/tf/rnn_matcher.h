// Questions about one step of a recurrent layer in the body of a loop.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "loaders/tf/graph_query.h"
#include "loaders/tf/rnn_cell.h"

namespace thaw::tf {

/// Column block `index` of `base`, of which there are as many as the layer has gates.
struct Part {
  ValueId base = -1;
  std::int64_t index = -1;
};

struct Activated {
  UnaryFn fn;
  ValueId argument = -1;
};

/// Queries on the body; every answer is exact or "no".
class Matcher {
 public:
  explicit Matcher(const Graph& body) : body_(body) {}

  std::optional<CellMatch> lstm(const CellQuestion& q) const;
  std::optional<CellMatch> gru(const CellQuestion& q) const;
  std::optional<CellMatch> simple(const CellQuestion& q) const;

 protected:
  std::optional<CellMatch> gru_gates(const CellQuestion& q, const Activated& z,
                                     const Activated& candidate) const;
  bool gru_reset(const CellQuestion& q, ValueId value, ValueId x_base, ValueId h_base,
                 std::int64_t units, CellMatch& match) const;
  bool gru_weights(const CellQuestion& q, ValueId x_base, ValueId h_base, std::int64_t units,
                   CellMatch& match) const;

  /// h' = o act(c'), c' = f c + i act(g), in every order of operands.
  struct LstmGates {
    Activated i, f, g, o;
    UnaryFn activation;
  };
  std::vector<LstmGates> lstm_gates(const CellQuestion& q) const;
  /// h' = z h + (1 - z) candidate.
  struct GruGates {
    Activated z, candidate;
  };
  std::vector<GruGates> gru_forms(const CellQuestion& q) const;

  struct Sum {
    ValueId kernel = -1, recurrent = -1;  // of matmul(x, .) and matmul(h, .)
    std::vector<ValueId> bias;
  };

  ValueId skip(ValueId value) const { return skip_identity(body_, value); }
  const Node& node(ValueId value) const { return producer(body_, value); }
  const Shape& shape(ValueId value) const {
    return body_.values[static_cast<std::size_t>(value)].type.shape;
  }
  bool same(ValueId a, ValueId b) const { return skip(a) == skip(b); }

  /// Both operands of a binary op of this kind.
  std::optional<std::pair<ValueId, ValueId>> operands(ValueId value, BinaryKind kind) const;
  /// The other operand of a commutative op that has `one` as an operand.
  std::optional<ValueId> other(ValueId value, BinaryKind kind, ValueId one) const;
  /// The tensor operand of an op with a scalar constant near `number`.
  std::optional<ValueId> with_number(ValueId value, BinaryKind kind, double number) const;
  Activated activated(ValueId value) const;
  std::optional<Activated> hard_sigmoid(ValueId value) const;
  std::optional<UnaryFn> activation_of(ValueId value, ValueId argument) const;
  std::optional<Part> part(ValueId value, std::int64_t units) const;
  bool is_part(ValueId value, std::int64_t units, ValueId base, std::int64_t index) const;
  /// The operand b of matmul(a, b).
  std::optional<ValueId> matmul_by(ValueId value, ValueId a) const;
  /// A sum of matmul(x, kernel), matmul(h, recurrent), each at most once, and row vectors.
  std::optional<Sum> sum(ValueId value, ValueId x, ValueId h) const;
  bool add_terms(ValueId value, ValueId x, ValueId h, Sum& sum, int depth) const;
  bool has_shape(ValueId weights, std::int64_t rows, std::int64_t columns) const;
  bool biases_fit(const std::vector<ValueId>& bias, std::int64_t columns) const;
  /// Weights come from outside the loop: constants, loop variables, and parts of these.
  bool from_outside(ValueId value, int depth = 0) const;

  const Graph& body_;
};

}  // namespace thaw::tf
