#include "loaders/tf/node_view.h"

#include <algorithm>
#include <charconv>

#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

// A node with more results than this is damaged; real ones have a few hundred (restore nodes).
constexpr std::int64_t kMaxOutputs = 1'000'000;

// The last entry wins, as for a protobuf map.
const AttrValue* find_entry(const google::protobuf::RepeatedPtrField<AttrEntry>& entries,
                            std::string_view key) {
  for (int i = entries.size() - 1; i >= 0; --i) {
    if (entries[i].key() == key) return &entries[i].value();
  }
  return nullptr;
}

// Splits "[1,2,3]".
std::vector<std::string_view> list_items(std::string_view text) {
  std::vector<std::string_view> items;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    items.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

template <class T>
T parse_number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

NodeView::NodeView(const NodeDef& def, const NameAttrList* bindings, const Limits& limits,
                   const std::shared_ptr<const void>& owner)
    : def_(&def),
      schema_(find_schema(def.op())),
      bindings_(bindings),
      limits_(&limits),
      owner_(&owner) {}

const std::string& NodeView::name() const { return def_->name(); }
const std::string& NodeView::op() const { return def_->op(); }
std::string NodeView::description() const {
  return fmt::format("node '{}' ({})", printable(name()), printable(op()));
}

int NodeView::num_inputs() const { return def_->input_size(); }
const std::string& NodeView::input(int i) const { return def_->input(i); }

const AttrValue* NodeView::find(std::string_view attr) const {
  const AttrValue* value = find_entry(def_->attr(), attr);
  if (value == nullptr || value->value_case() != AttrValue::kPlaceholder) return value;
  const AttrValue* bound =
      bindings_ == nullptr ? nullptr : find_entry(bindings_->attr(), value->placeholder());
  if (bound == nullptr || bound->value_case() == AttrValue::kPlaceholder) {
    fail(ErrorCode::invalid_argument,
         "attribute '{}' stands for '{}', which the call does not give", attr,
         printable(value->placeholder()));
  }
  return bound;
}

std::string_view NodeView::fallback(std::string_view attr) const {
  if (schema_ != nullptr) {
    if (auto text = default_of(*schema_, attr)) return *text;
  }
  fail(ErrorCode::invalid_argument, "attribute '{}' is missing", attr);
}

void NodeView::wrong_kind(std::string_view attr, const char* expected) const {
  fail(ErrorCode::invalid_argument, "attribute '{}' is not {}", attr, expected);
}

bool NodeView::flag(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) return fallback(attr) == "true";
  if (value->value_case() != AttrValue::kB) wrong_kind(attr, "a bool");
  return value->b();
}

std::int64_t NodeView::integer(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) return parse_number<std::int64_t>(fallback(attr));
  if (value->value_case() != AttrValue::kI) wrong_kind(attr, "an integer");
  return value->i();
}

double NodeView::number(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) return parse_number<double>(fallback(attr));
  if (value->value_case() != AttrValue::kF) wrong_kind(attr, "a number");
  return value->f();
}

std::string NodeView::text(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) return std::string(fallback(attr));
  if (value->value_case() != AttrValue::kS) wrong_kind(attr, "a string");
  return value->s();
}

// An 8-bit float is held as float32 where an op only casts, moves or passes it on.
DType NodeView::held_as(int type) const {
  static constexpr std::string_view kMovers[] = {
      "BroadcastTo",     "Case",        "Cast",           "Concat",       "ConcatV2",
      "Const",           "EnsureShape", "ExpandDims",     "Gather",       "GatherNd",
      "GatherV2",        "Identity",    "IdentityN",      "If",           "Pack",
      "PartitionedCall", "Rank",        "Reshape",        "Shape",        "Size",
      "Slice",           "Split",       "SplitV",         "Squeeze",      "StatefulPartitionedCall",
      "StatelessCase",   "StatelessIf", "StatelessWhile", "StopGradient", "StridedSlice",
      "Transpose",       "Unpack",      "While"};
  if (!float8_kind(type).empty() && std::ranges::find(kMovers, op()) != std::end(kMovers)) {
    return DType::float32;
  }
  return dtype_from_proto(type);
}

std::string_view NodeView::float8(std::string_view attr, std::int64_t index) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) return {};
  if (value->value_case() == AttrValue::kType) return float8_kind(value->type());
  const auto& types = value->list().type();
  return index < 0 || index >= types.size() ? std::string_view()
                                            : float8_kind(types[static_cast<int>(index)]);
}

DType NodeView::type(std::string_view attr) const {
  const AttrValue* value = find(attr);
  try {
    if (value == nullptr) {
      DataType type = DT_INVALID;
      DataType_Parse(std::string(fallback(attr)), &type);
      return dtype_from_proto(type);
    }
    if (value->value_case() != AttrValue::kType) wrong_kind(attr, "a type");
    return held_as(value->type());
  } catch (const Error& error) {
    fail(error.code(), "attribute '{}': {}", attr, error.what());
  }
}

Shape NodeView::shape(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) {
    fallback(attr);  // all shape defaults are "unknown"
    return Shape::unknown_rank();
  }
  if (value->value_case() != AttrValue::kShape) wrong_kind(attr, "a shape");
  try {
    return shape_from_proto(value->shape(), limits_->max_rank);
  } catch (const Error& error) {
    fail(error.code(), "attribute '{}': {}", attr, error.what());
  }
}

Tensor NodeView::tensor(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) fail(ErrorCode::invalid_argument, "attribute '{}' is missing", attr);
  if (value->value_case() != AttrValue::kTensor) wrong_kind(attr, "a tensor");
  try {
    return tensor_from_proto(value->tensor(), *limits_, *owner_);
  } catch (const Error& error) {
    fail(error.code(), "attribute '{}': {}", attr, error.what());
  }
}

std::vector<std::int64_t> NodeView::integers(std::string_view attr) const {
  std::vector<std::int64_t> values;
  const AttrValue* value = find(attr);
  if (value == nullptr) {
    for (auto item : list_items(fallback(attr))) values.push_back(parse_number<std::int64_t>(item));
    return values;
  }
  // An empty list may be written as a value without any kind.
  if (value->value_case() == AttrValue::VALUE_NOT_SET) return values;
  if (value->value_case() != AttrValue::kList) wrong_kind(attr, "a list of integers");
  const AttrValue::ListValue& list = value->list();
  if (list.i_size() == 0 && list.ByteSizeLong() != 0) wrong_kind(attr, "a list of integers");
  return {list.i().begin(), list.i().end()};
}

std::vector<double> NodeView::numbers(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) fail(ErrorCode::invalid_argument, "attribute '{}' is missing", attr);
  if (value->value_case() == AttrValue::VALUE_NOT_SET) return {};
  if (value->value_case() != AttrValue::kList) wrong_kind(attr, "a list of numbers");
  const AttrValue::ListValue& list = value->list();
  if (list.f_size() == 0 && list.ByteSizeLong() != 0) wrong_kind(attr, "a list of numbers");
  return {list.f().begin(), list.f().end()};
}

const AttrValue* NodeView::find_list(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) {
    if (fallback(attr) != "[]") wrong_kind(attr, "given");
    return nullptr;
  }
  if (value->value_case() == AttrValue::VALUE_NOT_SET) return nullptr;
  if (value->value_case() != AttrValue::kList) wrong_kind(attr, "a list");
  return value->list().ByteSizeLong() == 0 ? nullptr : value;
}

std::vector<std::string> NodeView::texts(std::string_view attr) const {
  const AttrValue* value = find_list(attr);
  if (value == nullptr) return {};
  const AttrValue::ListValue& list = value->list();
  if (list.s_size() == 0) wrong_kind(attr, "a list of strings");
  return {list.s().begin(), list.s().end()};
}

std::vector<DType> NodeView::types(std::string_view attr) const {
  const AttrValue* value = find_list(attr);
  if (value == nullptr) return {};
  const AttrValue::ListValue& list = value->list();
  if (list.type_size() == 0) wrong_kind(attr, "a list of types");
  std::vector<DType> types;
  try {
    for (const int type : list.type()) types.push_back(held_as(type));
  } catch (const Error& error) {
    fail(error.code(), "attribute '{}': {}", attr, error.what());
  }
  return types;
}

std::vector<Shape> NodeView::shapes(std::string_view attr) const {
  const AttrValue* value = find_list(attr);
  if (value == nullptr) return {};
  const AttrValue::ListValue& list = value->list();
  if (list.shape_size() == 0) wrong_kind(attr, "a list of shapes");
  std::vector<Shape> shapes;
  try {
    for (const TensorShapeProto& shape : list.shape()) {
      shapes.push_back(shape_from_proto(shape, limits_->max_rank));
    }
  } catch (const Error& error) {
    fail(error.code(), "attribute '{}': {}", attr, error.what());
  }
  return shapes;
}

NodeView::Function NodeView::function(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) fail(ErrorCode::invalid_argument, "attribute '{}' is missing", attr);
  if (value->value_case() != AttrValue::kFunc) wrong_kind(attr, "a function");
  return {value->func().name(), &value->func(), bindings_};
}

std::vector<NodeView::Function> NodeView::functions(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) fail(ErrorCode::invalid_argument, "attribute '{}' is missing", attr);
  if (value->value_case() != AttrValue::kList) wrong_kind(attr, "a list of functions");
  std::vector<Function> functions;
  for (const NameAttrList& func : value->list().func()) {
    functions.push_back({func.name(), &func, bindings_});
  }
  return functions;
}

std::vector<NodeView::Function> NodeView::all_functions() const {
  std::vector<Function> functions;
  for (const AttrEntry& entry : def_->attr()) {
    const AttrValue& value = entry.value();
    if (value.value_case() == AttrValue::kFunc)
      functions.push_back({value.func().name(), &value.func()});
    for (const NameAttrList& func : value.list().func()) functions.push_back({func.name(), &func});
  }
  return functions;
}

std::int64_t NodeView::list_length(std::string_view attr) const {
  const AttrValue* value = find(attr);
  if (value == nullptr) {
    const std::string_view text = fallback(attr);
    return text == "[]" ? 0 : parse_number<std::int64_t>(text);
  }
  switch (value->value_case()) {
    case AttrValue::kI:
      if (value->i() < 0 || value->i() > kMaxOutputs) {
        fail(ErrorCode::invalid_argument, "attribute '{}' is {}, not a count", attr, value->i());
      }
      return value->i();
    case AttrValue::kList: return value->list().type_size();
    case AttrValue::VALUE_NOT_SET: return 0;
    default: wrong_kind(attr, "a count or a list of types");
  }
}

std::int64_t NodeView::output_position(std::string_view output, std::int64_t index) const {
  THAW_CHECK(schema_ != nullptr, "{}", description());
  std::int64_t position = 0;
  std::string_view rest = schema_->outputs;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t colon = word.find(':');
    const std::int64_t length =
        colon == std::string_view::npos ? 1 : list_length(word.substr(colon + 1));
    if (word.substr(0, colon) == output) {
      if (index < 0 || index >= length) {
        fail(ErrorCode::invalid_argument, "has no result {} of '{}', which are {}", index, output,
             length);
      }
      return position + index;
    }
    position += length;
  }
  if (output.empty()) return position;  // asked for the total
  fail(ErrorCode::invalid_argument, "has no output '{}'", printable(output));
}

std::int64_t NodeView::num_outputs() const { return output_position("", 0); }

std::vector<std::string> NodeView::unknown_attrs() const {
  std::vector<std::string> unknown;
  if (schema_ == nullptr) return unknown;
  for (const AttrEntry& entry : def_->attr()) {
    const std::string& key = entry.key();
    if (!key.starts_with('_') && !has_attr(*schema_, key)) unknown.push_back(key);
  }
  return unknown;
}

bool NodeView::has_placeholder_attrs() const {
  const auto stands_for = [](const AttrEntry& entry) {
    return entry.value().value_case() == AttrValue::kPlaceholder;
  };
  for (const AttrEntry& entry : def_->attr()) {
    if (stands_for(entry) || std::ranges::any_of(entry.value().func().attr(), stands_for)) {
      return true;
    }
    for (const NameAttrList& func : entry.value().list().func()) {
      if (std::ranges::any_of(func.attr(), stands_for)) return true;
    }
  }
  return false;
}

}  // namespace thaw::tf
