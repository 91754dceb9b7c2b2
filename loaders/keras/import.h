// Walks a model's calls in the order in which they can run and imports each layer through the
// table.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "loaders/keras/assets.h"
#include "loaders/keras/layer.h"
#include "loaders/keras/weights.h"
#include "thaw/model.h"

namespace thaw::keras {

/// What all layers of one import share.
class ImportContext {
 public:
  ImportContext(const KerasModel& model, const ModelWeights& store, const Limits& limits,
                GraphBuilder& g, Assets assets = {});

  /// Imports the whole model: graph inputs, layers, graph outputs. Unsupported layers are in
  /// unsupported().
  void import_root();
  /// One layer, operation or nested model on these inputs.
  Outputs import_layer(Layer layer);

  const std::vector<Unsupported>& unsupported() const { return unsupported_; }
  /// The layers in the configuration's order, with the shapes of their first call.
  std::vector<LayerInfo> layer_infos() const;

  /// From here on the value comes without its mask, wherever it goes.
  void take_mask(ValueId value) { without_masks_.insert(value); }

  const KerasModel& model() const { return model_; }
  GraphBuilder& graph() { return g_; }

 private:
  friend class Layer;
  friend class Weights;
  struct ModelRun;

  std::vector<MaskedValue> import_model(const LayerConfig& layer, const std::string& name,
                                        const std::string& path,
                                        const std::vector<MaskedValue>* inputs, bool& poisoned);
  void run_until(ModelRun& run, const TensorRef& tensor);
  void run_call(ModelRun& run, std::size_t layer, std::size_t call);
  Outputs input_layer(const ModelRun& run, std::size_t layer, std::size_t call);
  ValueId graph_input(const LayerConfig& layer, const std::string& name);
  Operand resolve(const ModelRun& run, const Argument& argument, bool& poisoned) const;
  void record(const LayerConfig& layer, const std::string& name, const std::string& path,
              const Outputs& outputs, const std::vector<std::string>& feeds);
  void refuse_training(const Layer& layer);

  const KerasModel& model_;
  const ModelWeights& store_;
  const Limits& limits_;
  GraphBuilder& g_;
  Assets assets_;
  std::uint64_t calls_left_;
  std::map<std::string, ValueId> constants_;  // by variable path and type
  std::map<std::string, VariableId> states_;
  std::set<ValueId> without_masks_;
  std::vector<Unsupported> unsupported_;
  std::vector<LayerInfo> infos_;
  std::map<std::string, std::size_t> info_index_;  // by path
};

/// All layers below `layer` that have no importer, wrappers' inner layers included.
void collect_unknown(const LayerConfig& layer, const std::string& name,
                     std::vector<Unsupported>& items);
/// "outer" + "dense" -> "outer/dense".
std::string scoped(const std::string& prefix, const std::string& name);

}  // namespace thaw::keras
