// Importers of serialized sequences of examples.
#include <algorithm>

#include "loaders/tf/ops/example.h"

namespace thaw::tf::importers {
namespace {

/// The types and shapes of a sequence example's features, which both versions have as attributes;
/// the second has ragged features as well.
Attributes sequence_types(OpContext& c, bool has_ragged) {
  const auto ragged = [&](const char* attr) {
    return has_ragged ? c.node.types(attr) : std::vector<DType>{};
  };
  return {{"sparse_types", c.node.types("context_sparse_types")},
          {"dense_shapes", pack_shapes(c, "context_dense_shapes")},
          {"ragged_types", ragged("context_ragged_value_types")},
          {"split_types", ragged("context_ragged_split_types")},
          {"list_sparse_types", c.node.types("feature_list_sparse_types")},
          {"list_dense_types", c.node.types("feature_list_dense_types")},
          {"list_dense_shapes", pack_shapes(c, "feature_list_dense_shapes")},
          {"list_ragged_types", ragged("feature_list_ragged_value_types")},
          {"list_split_types", ragged("feature_list_ragged_split_types")}};
}

/// A flag for each dense list: whether an example may lack it.
Ints optional_lists(const std::vector<std::string>& lists,
                    const std::vector<std::string>& may_be_missing) {
  Ints optional;
  for (const std::string& key : lists) {
    optional.push_back(std::ranges::find(may_be_missing, key) == may_be_missing.end() ? 0 : 1);
  }
  return optional;
}

/// The result `y` of a batch of one as that of a single sequence; `kind` is its place among the
/// kinds of results.
ValueId without_batch(GraphBuilder& g, ValueId y, int kind) {
  enum : int { kIndices, kValues, kShape, kDense, kRagged, kSplits };
  constexpr int kRest[] = {kIndices, kValues, kShape, kDense, kDense, kRagged, kSplits, kRagged};
  const int what = kind < 6 ? kind : kRest[kind - 6];
  switch (what) {
    case kIndices: return g.slice_axis(y, 1, 1, GraphBuilder::kToEnd);
    case kShape: return g.slice_axis(y, 0, 1, GraphBuilder::kToEnd);
    case kDense: return g.squeeze(y, 0);
    case kSplits: return g.slice_axis(y, 0, 0, 0);  // one row has no splits
    default: return y;
  }
}

bool is_single(OpContext& c) { return c.shape(0).has_rank() && c.rank(0) == 0; }

/// Parses a vector, or a scalar where it is a `single` sequence. `defaults`: of the context's dense
/// features.
Results add_sequence_parser(OpContext& c, const Attributes& attributes, bool single, ValueId names,
                            const std::vector<ValueId>& defaults) {
  GraphBuilder& g = c.g;
  std::vector<ValueId> inputs{c.in(0), names};
  if (single) inputs = {g.reshape(c.in(0), {1}), g.reshape(names, {-1})};
  inputs.insert(inputs.end(), defaults.begin(), defaults.end());
  const auto texts = [&](const char* key) { return attributes.texts(key).size(); };
  const std::size_t sparse = texts("sparse_keys"), dense = texts("dense_keys"),
                    ragged = texts("ragged_keys"), list_sparse = texts("list_sparse_keys"),
                    list_dense = texts("list_dense_keys"), list_ragged = texts("list_ragged_keys");
  const std::size_t counts[] = {sparse,     sparse,      sparse,      dense,       ragged,
                                ragged,     list_sparse, list_sparse, list_sparse, list_dense,
                                list_dense, list_ragged, list_ragged, list_ragged};
  std::size_t results = 0;
  for (const std::size_t count : counts) results += count;
  if (results == 0) return {};
  Results ys = g.add(ops::HostCall{"parse_sequence_example", attributes, nullptr}, inputs,
                     static_cast<int>(results));
  if (!single) return ys;
  std::size_t at = 0;
  for (std::size_t kind = 0; kind < std::size(counts); ++kind) {
    for (std::size_t i = 0; i < counts[kind]; ++i, ++at) {
      ys[at] = without_batch(g, ys[at], static_cast<int>(kind));
    }
  }
  return ys;
}

}  // namespace

// (serialized, debug names, context default...): the keys are attributes, and so are those of the
// dense lists that may be missing.
Results parse_sequence_example(OpContext& c) {
  Attributes attributes = sequence_types(c, false);
  attributes.set("sparse_keys", c.node.texts("context_sparse_keys"));
  attributes.set("dense_keys", c.node.texts("context_dense_keys"));
  attributes.set("ragged_keys", std::vector<std::string>{});
  attributes.set("list_sparse_keys", c.node.texts("feature_list_sparse_keys"));
  attributes.set("list_ragged_keys", std::vector<std::string>{});
  const auto dense = c.node.texts("feature_list_dense_keys");
  attributes.set("list_dense_keys", dense);
  attributes.set("list_dense_optional",
                 optional_lists(dense, c.node.texts("feature_list_dense_missing_assumed_empty")));
  return add_sequence_parser(c, attributes, is_single(c), c.in(1), operands_from(c, 2));
}

// (serialized, debug names, the context's sparse, dense and ragged keys, those of the lists, which
// dense lists may be missing, context default...)
Results parse_sequence_example_v2(OpContext& c) {
  constexpr const char* kKeys[] = {"sparse_keys",      "dense_keys",      "ragged_keys",
                                   "list_sparse_keys", "list_dense_keys", "list_ragged_keys"};
  Attributes attributes = sequence_types(c, true);
  for (int i = 0; i < 6; ++i) attributes.set(kKeys[i], known_strings(c, 2 + i, "keys"));
  const Tensor* missing = c.g.constant_of(c.in(8));
  if (missing == nullptr) c.refuse("which lists may be missing is computed at run time");
  if (missing->dtype() != DType::boolean) {
    fail(ErrorCode::invalid_argument, "expected bools, found {}", name_of(missing->dtype()));
  }
  Ints optional;
  for (std::int64_t i = 0; i < missing->num_elements(); ++i) {
    optional.push_back(missing->data<bool>()[i] ? 1 : 0);
  }
  // One flag stands for all lists.
  const std::size_t dense = attributes.texts("list_dense_keys").size();
  if (optional.size() == 1 && dense != 1) optional.assign(dense, optional[0]);
  attributes.set("list_dense_optional", optional);
  return add_sequence_parser(c, attributes, is_single(c), c.in(1), operands_from(c, 9));
}

// (serialized, keys of dense lists that may be missing, the context's sparse key..., dense key...,
// those of the lists, context default..., debug name): one sequence, and no lengths of its lists.
Results parse_single_sequence_example(OpContext& c) {
  if (c.shape(0).has_rank() && c.rank(0) != 0) {
    fail(ErrorCode::invalid_argument, "serialized: expected a scalar, found {}",
         c.shape(0).to_string());
  }
  int next = 2;
  const auto keys = [&](const char* count) {
    const std::int64_t n = c.node.list_length(count);
    std::vector<std::string> found = key_operands(c, next, n);
    next += static_cast<int>(n);
    return found;
  };
  Attributes attributes = sequence_types(c, false);
  attributes.set("sparse_keys", keys("Ncontext_sparse"));
  attributes.set("dense_keys", keys("Ncontext_dense"));
  attributes.set("ragged_keys", std::vector<std::string>{});
  attributes.set("list_sparse_keys", keys("Nfeature_list_sparse"));
  attributes.set("list_ragged_keys", std::vector<std::string>{});
  const std::vector<std::string> lists = keys("Nfeature_list_dense");
  attributes.set("list_dense_keys", lists);
  attributes.set("list_dense_optional",
                 optional_lists(lists, known_strings(c, 1, "keys of lists that may be missing")));
  std::vector<ValueId> defaults = operands_from(c, next);
  if (defaults.size() != attributes.texts("dense_keys").size() + 1) {
    fail(ErrorCode::invalid_argument, "{} operands behind the keys of {} dense features",
         defaults.size(), attributes.texts("dense_keys").size());
  }
  const ValueId name = defaults.back();
  defaults.pop_back();
  Results ys = add_sequence_parser(c, attributes, true, name, defaults);
  ys.resize(ys.size() - lists.size());
  return ys;
}

}  // namespace thaw::tf::importers
