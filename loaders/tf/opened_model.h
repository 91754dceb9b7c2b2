// A SavedModel that stays open: one MetaGraph and what imports of its parts share.
#pragma once

#include <memory>
#include <string>

#include "loaders/source/bundle.h"
#include "loaders/source/file_tree.h"
#include "loaders/tf/initial_values.h"
#include "loaders/tf/parse.h"
#include "loaders/tf/signatures.h"

namespace thaw::tf {

/// saved_model.pb or .pbtxt. Throws Error for forms that are not read.
Bytes read_saved_model(const FileTree& tree, bool& text);

/// The MetaGraph that the options name. Tree, options and evaluator must outlive the object, which
/// stays where it is.
class OpenedModel {
 public:
  /// `file` names the message in errors.
  OpenedModel(const FileTree& tree, Parsed<SavedModel> parsed, const std::string& file,
              const LoadOptions& options, const Evaluator& evaluator);
  OpenedModel(const OpenedModel&) = delete;
  OpenedModel& operator=(const OpenedModel&) = delete;

  const MetaGraphDef& meta() const { return meta_; }
  const Session& session() const { return session_; }
  const GraphView& top() const { return top_; }
  FunctionLibrary& functions() { return functions_; }
  Variables& variables() { return variables_; }

 private:
  Parsed<SavedModel> parsed_;
  const MetaGraphDef& meta_;
  std::unique_ptr<TensorBundle> bundle_;
  GraphView top_;
  FunctionLibrary functions_;
  Variables variables_;
  Session session_;
  InitialValues initial_;
};

}  // namespace thaw::tf
