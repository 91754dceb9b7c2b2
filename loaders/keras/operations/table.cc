// Which operations of Keras 3 Thaw runs, and which it will not.
#include <algorithm>
#include <map>

#include "loaders/keras/operations/op_call.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr const char* kFunction = "holds a Python function, which is never executed";

// Sorted by name.
constexpr RefusedOperation kRefused[] = {
    {"AssociativeScan", kFunction},
    {"CTCLoss", "is a loss over alignments, which inference does not need"},
    {"Cond", kFunction},
    {"ElasticTransform", "draws random numbers"},
    {"ForiLoop", kFunction},
    {"JVP", "differentiates a Python function"},
    {"Map", kFunction},
    {"Scan", kFunction},
    {"SegmentReduction", "is the base of SegmentSum and its kin"},
    {"Switch", kFunction},
    {"VectorizedMap", kFunction},
    {"WhileLoop", kFunction},
};

using Families = std::span<const OperationRow> (*)();
constexpr Families kFamilies[] = {
    elementwise_operations,
    complex_operations,
    predicate_operations,
    reduction_operations,
    nan_operations,
    shape_operations,
    indexing_operations,
    creation_operations,
    product_operations,
    sorting_operations,
    counting_operations,
    activation_operations,
    window_operations,
    network_operations,
    signal_operations,
    image_operations,
    image_transform_operations,
    linear_algebra_operations,
};

std::map<std::string_view, const OperationRow*> join() {
  std::map<std::string_view, const OperationRow*> rows;
  for (Families family : kFamilies) {
    for (const OperationRow& row : family()) {
      const bool fresh = rows.emplace(row.name, &row).second;
      THAW_CHECK(fresh, "two rows for one operation");
    }
  }
  return rows;
}

const std::map<std::string_view, const OperationRow*>& all_rows() {
  static const std::map<std::string_view, const OperationRow*> rows = join();
  return rows;
}

// Operations that return the very tensor they are given, with its mask, where there is nothing to
// do.
bool may_return_argument(std::string_view name) {
  constexpr std::string_view names[] = {"Absolute",        "Array",    "Cast",
                                        "ConvertToTensor", "Moveaxis", "Swapaxes"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

const OperationRow* find_operation(std::string_view name) {
  const auto found = all_rows().find(name);
  return found == all_rows().end() ? nullptr : found->second;
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (const auto& [name, row] : all_rows()) names.emplace_back(name);
  return names;
}

std::span<const RefusedOperation> refused_operations() { return kRefused; }

bool is_operation(std::string_view name) {
  return find_operation(name) != nullptr ||
         std::any_of(std::begin(kRefused), std::end(kRefused),
                     [&](const RefusedOperation& refused) { return refused.name == name; });
}

std::string refusal_of_operation(std::string_view name) {
  for (const RefusedOperation& refused : kRefused) {
    if (refused.name == name) return refused.reason;
  }
  return "unknown operation";
}

Outputs import_operation(const Layer& layer, GraphBuilder& g) {
  const OperationRow* row = find_operation(layer.class_name());
  if (row == nullptr) layer.unsupported(refusal_of_operation(layer.class_name()));
  OpCall call(layer, *row, g);
  const Results results = row->one != nullptr ? Results{row->one(call)} : row->many(call);
  std::vector<MaskedValue> values;
  for (const Expr& result : results) {
    MaskedValue value{result.id};
    const bool same = may_return_argument(row->name) && !layer.inputs.empty() &&
                      layer.inputs[0].value == result.id;
    if (same) value.mask = layer.inputs[0].mask;
    values.push_back(value);
  }
  return values;
}

}  // namespace thaw::keras
