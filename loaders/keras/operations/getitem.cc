#include "loaders/keras/operations/getitem.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

bool is_none(const Operand* operand) {
  return operand == nullptr || (operand->kind == Argument::Kind::value && operand->value.is_null());
}

bool has_class(const Operand& operand, const char* name) {
  if (operand.kind != Argument::Kind::value) return false;
  const Json* found = operand.value.find("class_name");
  return found != nullptr && found->is_string() && found->string() == name;
}

// The three members of a slice; Keras 2 writes them bare, Keras 3 in a "__slice__" object.
struct SliceMembers {
  Operand start, stop, step;
};

const Json* member_of(const Json& json, const char* key) {
  const Json* config = json.find("config");
  return config != nullptr ? config->find(key) : json.find(key);
}

std::optional<SliceMembers> slice_of(const Operand& operand) {
  SliceMembers members;
  if (operand.kind == Argument::Kind::dict) {
    for (std::size_t i = 0; i < operand.items.size() && i < operand.keys.size(); ++i) {
      if (operand.keys[i] == "start") members.start = operand.items[i];
      if (operand.keys[i] == "stop") members.stop = operand.items[i];
      if (operand.keys[i] == "step") members.step = operand.items[i];
    }
    return members;
  }
  const bool bare = operand.kind == Argument::Kind::value && operand.value.is_object() &&
                    operand.value.find("start") != nullptr;
  if (!bare && !has_class(operand, "__slice__")) return std::nullopt;
  const auto fill = [&](const char* key, Operand& out) {
    if (const Json* json = member_of(operand.value, key)) out.value = *json;
  };
  fill("start", members.start);
  fill("stop", members.stop);
  fill("step", members.step);
  return members;
}

// Gathers begin, end and strides of one strided slice; each may be computed at run time.
class StridedSliceMaker {
 public:
  StridedSliceMaker(const Layer& layer, GraphBuilder& g) : layer_(layer), g_(g) {}

  void index(const Operand& operand) {
    const ValueId at = scalar(operand);
    const ValueId one = g_.scalar(1, DType::int64);
    add(at, g_.binary(BinaryKind::add, at, one), one);
    op_.shrink_axis_mask |= bit();
  }
  void slice(const SliceMembers& members) {
    const ValueId zero = g_.scalar(0, DType::int64), one = g_.scalar(1, DType::int64);
    add(is_none(&members.start) ? zero : scalar(members.start),
        is_none(&members.stop) ? zero : scalar(members.stop),
        is_none(&members.step) ? one : scalar(members.step));
    if (is_none(&members.start)) op_.begin_mask |= bit();
    if (is_none(&members.stop)) op_.end_mask |= bit();
  }
  void new_axis() {
    filler();
    op_.new_axis_mask |= bit();
  }
  void ellipsis() {
    filler();
    op_.ellipsis_mask |= bit();
  }
  Expr take(Expr x) {
    if (begin_.empty()) return x;
    // TensorFlow's importer knows the sizes in a partly known shape.
    return x.with(add_tensorflow_node(g_, "StridedSlice",
                                      {x, vector(begin_), vector(end_), vector(strides_)},
                                      {{"begin_mask", op_.begin_mask},
                                       {"end_mask", op_.end_mask},
                                       {"ellipsis_mask", op_.ellipsis_mask},
                                       {"new_axis_mask", op_.new_axis_mask},
                                       {"shrink_axis_mask", op_.shrink_axis_mask}})
                      .at(0));
  }

 private:
  std::int64_t bit() const { return std::int64_t{1} << (begin_.size() - 1); }
  void filler() {
    const ValueId zero = g_.scalar(0, DType::int64);
    add(zero, zero, g_.scalar(1, DType::int64));
  }
  void add(ValueId begin, ValueId end, ValueId stride) {
    if (begin_.size() >= 32) layer_.unsupported("so many indices");
    begin_.push_back(begin);
    end_.push_back(end);
    strides_.push_back(stride);
  }
  ValueId scalar(const Operand& operand) {
    if (operand.kind == Argument::Kind::tensor) {
      const ValueId x = operand.tensor.value;
      if (!is_integer(g_.dtype(x)) || (g_.shape(x).has_rank() && g_.shape(x).rank() != 0))
        layer_.unsupported("a slice by a tensor that is no integer");
      return g_.cast(x, DType::int64);
    }
    if (operand.kind == Argument::Kind::value) {
      const Tensor value = constant_tensor(operand.value, DType::invalid);
      if (is_integer(value.dtype()) && value.shape().rank() == 0)
        return g_.cast(g_.constant(value), DType::int64);
    }
    layer_.unsupported("a slice by something that is no integer");
  }
  ValueId vector(const std::vector<ValueId>& scalars) {
    std::vector<std::int64_t> known;
    for (ValueId value : scalars) {
      const Tensor* constant = g_.constant_of(value);
      if (constant == nullptr) return g_.add1(ops::Stack{0}, scalars);
      known.push_back(constant->data<std::int64_t>()[0]);
    }
    return g_.ints(known);
  }

  const Layer& layer_;
  GraphBuilder& g_;
  ops::StridedSlice op_;
  std::vector<ValueId> begin_, end_, strides_;
};

}  // namespace

Expr get_item(const Layer& layer, Expr x, const std::vector<Operand>& items) {
  // One tensor of bools picks elements.
  if (items.size() == 1 && items[0].kind == Argument::Kind::tensor &&
      x.g->dtype(items[0].tensor.value) == DType::boolean) {
    return boolean_mask(x, x.with(items[0].tensor.value), 0);
  }
  StridedSliceMaker maker(layer, *x.g);
  bool ellipsis = false;
  for (const Operand& item : items) {
    if (is_none(&item)) {
      maker.new_axis();
    } else if (has_class(item, "__ellipsis__")) {
      if (ellipsis) layer.bad("two ellipses in one index");
      ellipsis = true;
      maker.ellipsis();
    } else if (const auto members = slice_of(item)) {
      maker.slice(*members);
    } else {
      maker.index(item);
    }
  }
  return maker.take(x);
}

}  // namespace thaw::keras
