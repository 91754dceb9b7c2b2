// Which tensor of the checkpoint each variable has.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loaders/source/bundle.h"
#include "loaders/tf/functions.h"
#include "loaders/tf/tables.h"

namespace thaw::tf {

class MetaGraphDef;

/// Variables are named by the top-level node that makes their handle. Values are read on first use,
/// so that optimizer state in the same checkpoint costs nothing. The references must outlive the
/// object.
class Variables {
 public:
  /// `bundle` may be null: a model without variables.
  Variables(const MetaGraphDef& meta, const GraphView& top, FunctionLibrary& functions,
            const TensorBundle* bundle, const Limits& limits);

  /// Throws Error: not_found naming the variable (no checkpoint entry), data_loss (CRC),
  /// resource_exhausted (max_total_bytes).
  const Tensor& value(const std::string& handle);
  /// Asked for the value of a variable that the checkpoint does not have.
  using Fallback = std::function<std::optional<Tensor>(const std::string& handle)>;
  void set_fallback(Fallback fallback) { fallback_ = std::move(fallback); }
  /// A variable without an entry, such as one that lives for one run.
  void define(const std::string& handle, Tensor value) {
    values_.emplace(handle, std::move(value));
  }
  /// The checkpoint's entry of a variable; empty if it has none.
  std::string key_of(const std::string& handle) const;

  /// The lookup tables, which the same checkpoint and initialisers fill.
  Tables& tables() { return tables_; }

  /// Of all values read so far.
  std::int64_t elements() const { return elements_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Source {
    std::string key;
    std::string slice;  // "" or TensorFlow's "d0 d1 s0,l0:s1,l1" of a part of the tensor
  };
  void read_restore_nodes(const GraphView& view, const GraphView& top,
                          const GraphView::Entry* call);
  void read_object_graph(const MetaGraphDef& meta, const GraphView& top);

  const Tensor& keep(const std::string& handle, Tensor value);

  const TensorBundle* bundle_;
  Tables tables_;
  Fallback fallback_;
  const Limits& limits_;
  std::map<std::string, Source> sources_;
  std::map<std::string, Tensor> values_;
  std::int64_t elements_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace thaw::tf
