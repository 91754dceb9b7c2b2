// What a graph without a signature is to compute.
#pragma once

#include "loaders/tf/signatures.h"

namespace thaw::tf {

/// A graph that was made to be run: inputs are `options.inputs` or all placeholders, outputs
/// `options.outputs` or all results that nothing uses.
Request frozen_request(const GraphView& top, const LoadOptions& options);
/// A graph that was made to be trained: outputs are what nothing but training and saving uses, as
/// far as it depends on a placeholder; inputs the placeholders that the outputs need.
Request training_request(const GraphView& top, const LoadOptions& options);
/// Constants that are fed keep their own value as the default.
std::map<std::string, Tensor> constant_inputs(const GraphView& top,
                                              const std::vector<std::string>& names);

}  // namespace thaw::tf
