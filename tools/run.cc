// thaw run: predict from files.
#include <fmt/format.h>

#include "tools/arrays.h"
#include "tools/commands.h"

namespace thaw::tools {

int run(const RunOptions& options) {
  const Model model = open_model(options.model);
  try {
    Session session = open_session(model, options.model);
    const std::vector<Tensor> inputs = model_inputs(read_arrays(options.inputs, session.inputs()),
                                                    session.inputs(), options.inputs);
    const std::vector<Tensor> results = session.run(inputs);
    NamedArrays named;
    for (std::size_t i = 0; i < results.size(); ++i) {
      named.emplace_back(session.outputs()[i].name, results[i]);
    }
    write_arrays(options.outputs, named);
    return kMatch;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error, false);
  }
}

}  // namespace thaw::tools
