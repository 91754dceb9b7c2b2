// Variables that the checkpoint does not have.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "loaders/tf/signatures.h"

namespace thaw::tf {

/// What the MetaGraph's init op (main_op, legacy_init_op, __saved_model_init_op) assigns, evaluated
/// at load. Only computations on constants and other variables: nothing is read or written. The
/// session must outlive the object.
class InitialValues {
 public:
  explicit InitialValues(const Session& session) : session_(session) {}

  /// Nothing if the init op does not assign the variable. Throws Error: unimplemented naming what
  /// cannot be evaluated, invalid_argument for values that depend on each other.
  std::optional<Tensor> find(const std::string& handle);

 private:
  void find_assignments();

  const Session& session_;
  bool searched_ = false;
  std::map<std::string, int> assignments_;  // handle -> node that assigns
  std::set<std::string> open_;
};

/// Name of the node that initialises the session after the variables are restored; empty if there
/// is none.
std::string init_op_of(const MetaGraphDef& meta);

}  // namespace thaw::tf
