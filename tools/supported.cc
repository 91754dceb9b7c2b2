// thaw supported: what this build opens, as the pages in docs/.
#include <fmt/format.h>

#include "tools/commands.h"

namespace thaw::tools {
namespace {

const char* status_text(SupportedLayer::Status status) {
  switch (status) {
    case SupportedLayer::Status::supported: return "yes";
    case SupportedLayer::Status::inert: return "yes, does nothing at inference";
    case SupportedLayer::Status::refused: return "refused";
  }
  return "";
}

void print_layers(const Supported& supported) {
  fmt::print(
      "# Keras layers\n\nPrinted by `thaw supported layers` from the loaders' tables: every layer "
      "of "
      "Keras 1.2,\n2.15 (and tf-keras) and 3.15. A class that is not listed is the user's own and "
      "refused by name unless\na function is registered for it (`thaw/custom.h`).\n\n"
      "| layer | Keras 1 | Keras 2 | Keras 3 | runs | |\n|---|---|---|---|---|---|\n");
  const auto mark = [](bool has) { return has ? "×" : ""; };
  for (const SupportedLayer& layer : supported.keras_layers) {
    fmt::print("| {} | {} | {} | {} | {} | {} |\n", layer.name, mark(layer.keras1),
               mark(layer.keras2), mark(layer.keras3), status_text(layer.status), layer.note);
  }
  fmt::print("\n## Keras 3 operations in functional models ({})\n\n{}\n",
             supported.keras_operations.size(), fmt::join(supported.keras_operations, " · "));
}

void print_ops(const Supported& supported) {
  fmt::print(
      "# TensorFlow ops\n\nPrinted by `thaw supported ops` from the loaders' table ({} ops). Every "
      "other op is\nrefused by name unless a function is registered for it (`thaw/custom.h`).\n\n"
      "Types: by type attribute of the op, those for which answers of TensorFlow are stored in "
      "`tests/golden`\nand checked; an op has others too where the op inside that it becomes takes "
      "them. `checked`: answers are\nstored, of an op without type attributes; else why none are. "
      "Limits: what is refused with the op's name; without an "
      "entry no use that TensorFlow's CPU\nkernels allow is known to be refused.\n\n"
      "| op | types | limits |\n|---|---|---|\n",
      supported.tensorflow_ops.size());
  for (const SupportedOp& op : supported.tensorflow_ops) {
    fmt::print("| {} | {} | {} |\n", op.name, op.types, op.limits);
  }
}

}  // namespace

int supported(const std::string& what) {
  const Supported all = thaw::supported();
  what == "ops" ? print_ops(all) : print_layers(all);
  return kMatch;
}

}  // namespace thaw::tools
