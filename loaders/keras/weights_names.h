// Which variable an array's name means: "both/forward_lstm/lstm_cell/kernel:0".
#pragma once

#include <string>
#include <vector>

#include "loaders/keras/variables.h"

namespace thaw::keras {

/// A variable and the names of the layers around it, the outermost first.
struct NamedVariable {
  Variable variable;
  std::vector<std::string> layers;
};

/// All variables in the order of Keras' get_weights().
std::vector<NamedVariable> named_variables(const KerasModel& model);

/// A name without ":0" and what TensorFlow appends to it, in parts.
std::vector<std::string> name_parts(const std::string& name);
/// 0: another variable. Else the more of its layers the name has, the better it fits.
int name_fit(const NamedVariable& named, const std::vector<std::string>& parts);

}  // namespace thaw::keras
