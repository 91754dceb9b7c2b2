#include "loaders/tf/custom.h"

#include "loaders/custom_config.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

Json json_of(DataType dtype) { return Json(std::string(name_of(dtype_from_proto(dtype)))); }

Json json_of(const TensorShapeProto& shape) {
  if (shape.unknown_rank()) return Json();
  Json::Array dims;
  for (const auto& dim : shape.dim()) dims.push_back(Json(std::int64_t{dim.size()}));
  return Json(std::move(dims));
}

Json json_of(const TensorProto& tensor) {
  return Json(
      Json::Object{{"dtype", json_of(tensor.dtype())}, {"shape", json_of(tensor.tensor_shape())}});
}

Json json_of(const AttrValue::ListValue& list) {
  Json::Array items;
  for (const auto& value : list.s()) items.push_back(Json(value));
  for (const std::int64_t value : list.i()) items.push_back(Json(value));
  for (const float value : list.f()) items.push_back(Json(double{value}));
  for (const bool value : list.b()) items.push_back(Json(value));
  for (const int value : list.type()) items.push_back(json_of(static_cast<DataType>(value)));
  for (const auto& value : list.shape()) items.push_back(json_of(value));
  for (const auto& value : list.tensor()) items.push_back(json_of(value));
  for (const auto& value : list.func()) items.push_back(Json(value.name()));
  return Json(std::move(items));
}

Json json_of(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kList: return json_of(value.list());
    case AttrValue::kS: return Json(value.s());
    case AttrValue::kI: return Json(std::int64_t{value.i()});
    case AttrValue::kF: return Json(double{value.f()});
    case AttrValue::kB: return Json(value.b());
    case AttrValue::kType: return json_of(value.type());
    case AttrValue::kShape: return json_of(value.shape());
    case AttrValue::kTensor: return json_of(value.tensor());
    case AttrValue::kPlaceholder: return Json(value.placeholder());
    case AttrValue::kFunc: return Json(value.func().name());
    case AttrValue::VALUE_NOT_SET: return Json();
  }
  return Json();
}

Json attributes_of(const NodeDef& node) {
  Json::Object attributes;
  for (const AttrEntry& entry : node.attr()) {
    attributes.emplace_back(entry.key(), json_of(entry.value()));
  }
  return Json(std::move(attributes));
}

const Json::Array* array_of(const Json& json) { return json.is_array() ? &json.array() : nullptr; }

class NodeCall final : public GraphCall<array_of> {
 public:
  explicit NodeCall(OpContext& context)
      : GraphCall<array_of>(attributes_of(context.node.def()), context.node.name(),
                            context.node.op(), context.g, context.node.description()) {
    for (const ValueId input : context.inputs) inputs_.push_back({input});
  }

  GraphValue keyword(const std::string&) const override { return {}; }
  std::string keyword_json(const std::string&) const override { return ""; }
  GraphValue mask() const override { return {}; }
  Tensor weight(const std::string& variable) const override { no_variable(variable); }
  GraphValue variable(const std::string& variable) override { no_variable(variable); }

 private:
  [[noreturn]] void no_variable(const std::string& variable) const {
    fail(ErrorCode::invalid_argument, "variable '{}': a node has operands, no variables",
         printable(variable));
  }
};

}  // namespace

Results import_custom(const CustomOp& op, OpContext& context) {
  if (!op.build) {
    fail(ErrorCode::invalid_argument, "the registered custom op has no build function");
  }
  NodeCall call(context);
  return call.graph().values(op.build(call));
}

}  // namespace thaw::tf
