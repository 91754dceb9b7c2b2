// What the table does not have, found before anything is imported, so that all of it is named at
// once.
#include "loaders/keras/import.h"
#include "loaders/keras/table.h"
#include "runtime/base/check.h"

namespace thaw::keras {

void collect_unknown(const LayerConfig& layer, const std::string& name,
                     std::vector<Unsupported>& items) {
  if (layer.model) {
    for (const LayerConfig& child : layer.model->layers)
      collect_unknown(child, scoped(name, child.name), items);
    return;
  }
  for (const auto& [attribute, inner] : layer.inner)
    collect_unknown(inner, scoped(name, inner.name), items);
  if (find_row(layer) != nullptr || layer.class_name == "InputLayer") return;
  std::string why = layer.operation ? "unknown operation" : "unknown layer";
  if (layer.class_name == "Lambda") {
    why =
        "Lambda with Python code, which is never executed: replace it by a layer, or export the "
        "model as a SavedModel";
    if (const Json* shape = layer.config.find("output_shape");
        shape != nullptr && list_of(*shape) != nullptr) {
      why += fmt::format(" (its output shape is {})", printable(shape->dump()));
    }
  } else if (!layer.module.empty() && !layer.module.starts_with("keras.")) {
    why += " of module " + printable(layer.module);
  }
  items.push_back({layer.file_class, name, why});
}

}  // namespace thaw::keras
