// Nodes outside of any TensorFlow graph: what Keras layers hold or call.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>

#include "loaders/tensorflow_node.h"
#include "loaders/tf/ops/op_context.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw {
namespace tf {
namespace {

DataType proto_of(DType dtype) {
  for (int type = DT_FLOAT; type <= DT_UINT64; ++type) {
    if (type == DT_RESOURCE || type == DT_VARIANT || !DataType_IsValid(type)) continue;
    const bool quantised =
        (type >= DT_QINT8 && type <= DT_QINT32) || type == DT_QINT16 || type == DT_QUINT16;
    if (!quantised && dtype_from_proto(type) == dtype) return static_cast<DataType>(type);
  }
  return DT_INVALID;
}

void set_value(AttrValue& value, const NodeAttribute& attribute) {
  struct Visitor {
    AttrValue& value;
    void operator()(bool flag) const { value.set_b(flag); }
    void operator()(std::int64_t number) const { value.set_i(number); }
    void operator()(double number) const { value.set_f(static_cast<float>(number)); }
    void operator()(const std::string& text) const { value.set_s(text); }
    void operator()(DType dtype) const { value.set_type(proto_of(dtype)); }
    void operator()(const std::vector<std::int64_t>& numbers) const {
      value.mutable_list()->mutable_i()->Add(numbers.begin(), numbers.end());
    }
    void operator()(const std::vector<double>& numbers) const {
      for (double number : numbers) value.mutable_list()->add_f(static_cast<float>(number));
    }
  };
  std::visit(Visitor{value}, attribute);
}

// Tensors in attributes keep the node alive.
std::vector<ValueId> import_node(GraphBuilder& g, std::shared_ptr<const NodeDef> def,
                                 const std::vector<ValueId>& inputs, const Limits& limits) {
  const std::shared_ptr<const void> owner = def;
  const NodeView view(*def, nullptr, limits, owner);
  if (view.op() == "Identity") {
    if (inputs.empty()) view.fail(ErrorCode::invalid_argument, "expected an operand");
    return {inputs[0]};
  }
  const OpRow* row = find_op(view.op());
  if (row == nullptr) {
    throw Refusal(fmt::format("TensorFlow op {} is not supported", printable(view.op())));
  }
  if (view.schema() != nullptr) {
    const std::vector<std::string> unknown = view.unknown_attrs();
    if (!unknown.empty()) {
      throw Refusal(fmt::format("attribute '{}' of TensorFlow op {}", printable(unknown.front()),
                                printable(view.op())));
    }
  }
  OpContext context{g, view, inputs, row->kind};
  return row->import(context);
}

// ---- protobuf's JSON ----

std::int64_t whole(const Json& json) {
  if (json.is_integer()) return json.integer();
  std::int64_t number = 0;
  if (json.is_string()) {
    const std::string& text = json.string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  fail(ErrorCode::invalid_argument, "expected an integer, found {}", printable(json.dump()));
}

double real(const Json& json) {
  if (json.is_number()) return json.number();
  const std::string text = json.is_string() ? json.string() : "";
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  fail(ErrorCode::invalid_argument, "expected a number, found {}", printable(json.dump()));
}

DataType data_type(const Json& json) {
  DataType type = DT_INVALID;
  if (json.is_string() && DataType_Parse(json.string(), &type)) return type;
  if (json.is_integer() && DataType_IsValid(static_cast<int>(json.integer())))
    return static_cast<DataType>(json.integer());
  fail(ErrorCode::invalid_argument, "expected a data type, found {}", printable(json.dump()));
}

std::string base64(const Json& json) {
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (char c : json.string()) {
    unsigned digit = 0;
    if (c >= 'A' && c <= 'Z') {
      digit = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      digit = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '-') {
      digit = 62;
    } else if (c == '/' || c == '_') {
      digit = 63;
    } else if (c == '=') {
      break;
    } else {
      fail(ErrorCode::invalid_argument, "{} is not base64", printable(json.dump()));
    }
    buffer = buffer << 6 | digit;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(buffer >> bits & 0xff));
  }
  return bytes;
}

void read_shape(const Json& json, TensorShapeProto& shape) {
  if (const Json* unknown = json.find("unknownRank")) shape.set_unknown_rank(unknown->boolean());
  const Json* dims = json.find("dim");
  if (dims == nullptr) return;
  for (const Json& dim : dims->array()) {
    const Json* size = dim.find("size");
    shape.add_dim()->set_size(size == nullptr ? 0 : whole(*size));
  }
}

void read_list(const Json& json, AttrValue::ListValue& list) {
  for (const auto& [kind, values] : json.object()) {
    for (const Json& item : values.array()) {
      if (kind == "s") {
        list.add_s(base64(item));
      } else if (kind == "i") {
        list.add_i(whole(item));
      } else if (kind == "f") {
        list.add_f(static_cast<float>(real(item)));
      } else if (kind == "b") {
        list.add_b(item.boolean());
      } else if (kind == "type") {
        list.add_type(data_type(item));
      } else if (kind == "shape") {
        read_shape(item, *list.add_shape());
      } else {
        throw Refusal(fmt::format("a TensorFlow node with a list of {}", printable(kind)));
      }
    }
  }
}

void read_attribute(const Json& json, AttrValue& value) {
  for (const auto& [kind, content] : json.object()) {
    if (kind == "s") {
      value.set_s(base64(content));
    } else if (kind == "i") {
      value.set_i(whole(content));
    } else if (kind == "f") {
      value.set_f(static_cast<float>(real(content)));
    } else if (kind == "b") {
      value.set_b(content.boolean());
    } else if (kind == "type") {
      value.set_type(data_type(content));
    } else if (kind == "shape") {
      read_shape(content, *value.mutable_shape());
    } else if (kind == "list") {
      read_list(content, *value.mutable_list());
    } else {
      throw Refusal(fmt::format("a TensorFlow node with an attribute of kind {}", printable(kind)));
    }
  }
}

std::shared_ptr<const NodeDef> read_node(const Json& json, const Limits& limits) {
  auto node = std::make_shared<NodeDef>();
  NodeDef& def = *node;
  if (json.is_string()) {
    const std::string& bytes = json.string();
    if (bytes.size() > std::min<std::uint64_t>(limits.max_message_bytes, INT32_MAX) ||
        !def.ParseFromString(bytes)) {
      fail(ErrorCode::invalid_argument, "node_def is no TensorFlow node");
    }
    return node;
  }
  const Json* name = json.find("name");
  def.set_name(name != nullptr && name->is_string() ? name->string() : "");
  def.set_op(json.at("op").string());
  if (const Json* attributes = json.find("attr")) {
    for (const auto& [key, content] : attributes->object()) {
      AttrEntry* entry = def.add_attr();
      entry->set_key(key);
      read_attribute(content, *entry->mutable_value());
    }
  }
  return node;
}

}  // namespace
}  // namespace tf

std::vector<ValueId> add_tensorflow_node(GraphBuilder& g, const std::string& op,
                                         const std::vector<ValueId>& inputs,
                                         const NodeAttributes& attributes) {
  const auto node = std::make_shared<tf::NodeDef>();
  tf::NodeDef& def = *node;
  def.set_name(g.scope());
  def.set_op(op);
  for (const auto& [key, value] : attributes) {
    tf::AttrEntry* entry = def.add_attr();
    entry->set_key(key);
    tf::set_value(*entry->mutable_value(), value);
  }
  return tf::import_node(g, node, inputs, Limits{});
}

std::string tensorflow_node_op(const Json& node_def, const Limits& limits) {
  return tf::read_node(node_def, limits)->op();
}

std::vector<ValueId> add_tensorflow_node_def(GraphBuilder& g, const Json& node_def,
                                             const std::vector<ValueId>& inputs,
                                             const Limits& limits) {
  return tf::import_node(g, tf::read_node(node_def, limits), inputs, limits);
}

bool has_tensorflow_op(const std::string& op) {
  return op == "Identity" || tf::find_op(op) != nullptr;
}

}  // namespace thaw
