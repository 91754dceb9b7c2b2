// What the table does not have, found before anything is imported, so that all of it is named at
// once.
#include "loaders/keras/import.h"
#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/table.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Why a layer that runs code of its own cannot be imported; null for others.
const char* foreign_code(const std::string& class_name) {
  if (class_name == "JaxLayer" || class_name == "FlaxLayer") {
    return "holds a JAX function as Python code, which is never executed: export the model as a "
           "SavedModel";
  }
  if (class_name == "TorchModuleWrapper")
    return "holds a pickled PyTorch module, which is never executed: replace it by Keras layers";
  if (class_name == "DynamicEmbedding" || class_name == "DynamicLookup") {
    return "saved in a form that tf.keras itself does not load (the class has no name there): "
           "export the model as a SavedModel";
  }
  if (class_name == "ClassMethod" || class_name == "InstanceMethod" ||
      class_name == "InstanceProperty")
    return "works on ragged or sparse tensors between layers, which are not supported";
  return nullptr;
}

}  // namespace

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
  if (layer.operation && find_operation(layer.class_name) != nullptr) return;
  std::string why = layer.operation ? refusal_of_operation(layer.class_name) : "unknown layer";
  if (layer.class_name == "Lambda") {
    why =
        "Lambda with Python code, which is never executed: replace it by a layer, or export the "
        "model as a SavedModel";
    if (const Json* shape = layer.config.find("output_shape");
        shape != nullptr && list_of(*shape) != nullptr) {
      why += fmt::format(" (its output shape is {})", printable(shape->dump()));
    }
  } else if (const char* foreign = foreign_code(layer.class_name); foreign != nullptr) {
    why = foreign;
  } else if (!layer.module.empty() && !layer.module.starts_with("keras.")) {
    why += " of module " + printable(layer.module);
  }
  items.push_back({layer.file_class, name, why});
}

}  // namespace thaw::keras
