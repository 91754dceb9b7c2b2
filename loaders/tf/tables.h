// The lookup tables of a MetaGraph and what its initialisers and its checkpoint put into them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loaders/source/bundle.h"
#include "loaders/source/file_tree.h"
#include "loaders/tf/graph_view.h"
#include "thaw/error.h"

namespace thaw::tf {

class MetaGraphDef;

/// One row per key.
struct Table {
  std::string name;
  DType key_dtype = DType::invalid, value_dtype = DType::invalid;
  bool filled = false;
  Tensor keys, values;  // [n], [n, ...]
  // Of a dense table: the shape of its values, and the scalars that mark its empty places.
  std::optional<Shape> value_shape;
  std::vector<Tensor> no_keys;
  // Why it could not be filled; `problem` is empty when it could.
  std::string problem;
  ErrorCode problem_code = ErrorCode::unimplemented;
};

/// How a table is read from a text file (InitializeTableFromTextFile's attributes).
struct TextColumns {
  std::int64_t key_index = 0, value_index = 0;  // a column; -1: the line's number; -2: all of it
  std::int64_t vocab_size = -1, offset = 0;
  char delimiter = '\t';
};

/// Tables are known by the name they share between graphs. The references must outlive the object.
class Tables {
 public:
  /// `bundle` may be null.
  Tables(const MetaGraphDef& meta, const GraphView& top, const TensorBundle* bundle,
         const Limits& limits);
  /// Where the asset files are: below "assets/" of `tree`, which must outlive the object.
  void set_files(const FileTree& tree) { files_ = &tree; }

  /// The table's number; a new one is empty. Throws Error(invalid_argument) when it is known with
  /// other types.
  int number(const std::string& name, DType key_dtype, DType value_dtype);
  const Table& at(int number) const { return tables_[static_cast<std::size_t>(number)]; }

  /// A dense table: `no_keys` stand for no entry, and stored keys and values may have another rank.
  /// Must be known before the table is filled.
  void make_dense(int number, std::vector<Tensor> no_keys, Shape value_shape);
  /// The first reason why a table could not be filled is kept.
  void set_problem(int number, const Error& problem);
  /// Replaces the content. Throws Error(invalid_argument): shapes or types do not fit, or, for
  /// `unique` keys, one key has two values.
  void fill(int number, Tensor keys, Tensor values, bool unique);
  /// Throws Error besides: not_found for a file that is no asset, permission_denied for a path that
  /// leaves the model.
  void fill_from_text(int number, const std::string& path, const TextColumns& columns);

  /// Results of the top graph that name asset files: (node, port) -> the path in the tree.
  std::map<std::pair<int, std::int64_t>, std::string> asset_names() const;
  /// A tensor of the checkpoint. Throws Error(not_found).
  Tensor stored(const std::string& key) const;

  const GraphView& top() const { return top_; }
  /// The top node that restores the checkpoint; GraphView::kMissing-like -1 when there is none.
  int restore_node() const;
  /// Whether the initialisers have run; set by who runs them.
  bool ready = false;
  /// Why an initialiser could not be run, for the message of tables that stayed empty.
  std::string failure;

 private:
  const MetaGraphDef& meta_;
  const GraphView& top_;
  const TensorBundle* bundle_;
  const Limits& limits_;
  const FileTree* files_ = nullptr;
  std::vector<Table> tables_;
  std::map<std::string, int> numbers_;
};

}  // namespace thaw::tf
