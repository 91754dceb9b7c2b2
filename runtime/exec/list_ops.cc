#include "runtime/exec/list_ops.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/ir/graph.h"

namespace thaw {
namespace {

constexpr std::int64_t kMaxItems = std::int64_t{1} << 28;

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

std::int64_t scalar_of(const Datum& datum, const char* what) {
  if (datum.list != nullptr || datum.tensor.num_elements() != 1) {
    invalid(fmt::format("{}: expected one number", what));
  }
  return to_ints(datum.tensor)[0];
}

// The element_shape operand: a scalar -1 is an unknown rank.
Shape shape_of(const Datum& datum) {
  const std::vector<std::int64_t> sizes = to_ints(datum.tensor);
  if (datum.tensor.shape().rank() == 0) return Shape::unknown_rank();
  for (std::int64_t size : sizes) {
    if (size < -1) invalid(fmt::format("element_shape: size {}", size));
  }
  return Shape(sizes);
}

// What both shapes say. Throws when they contradict each other.
Shape combine(const Shape& a, const Shape& b) {
  if (!a.has_rank()) return b;
  if (!b.has_rank()) return a;
  Shape result = a;
  bool fits = a.rank() == b.rank();
  for (int i = 0; fits && i < a.rank(); ++i) {
    if (a[i] == kUnknownDim) result[i] = b[i];
    fits = result[i] == b[i] || b[i] == kUnknownDim;
  }
  if (!fits) {
    invalid(fmt::format("items of shape {} in a list of {}", b.to_string(), a.to_string()));
  }
  return result;
}

TensorList& list_of(Datum& datum) {
  if (datum.list == nullptr) invalid("expected a tensor list, got a tensor");
  return *datum.list;
}

// The list to write to: the operand's own if nobody else holds it, else a copy.
std::shared_ptr<TensorList> writable(Datum&& datum) {
  list_of(datum);
  if (datum.list.use_count() == 1) return std::move(datum.list);
  return std::make_shared<TensorList>(*datum.list);
}

Datum from_list(std::shared_ptr<TensorList> list) {
  Datum datum;
  datum.list = std::move(list);
  return datum;
}

Datum from_tensor(Tensor tensor) {
  Datum datum;
  datum.tensor = std::move(tensor);
  return datum;
}

void check_dtype(const TensorList& list, DType asked) {
  if (list.dtype != asked) {
    invalid(fmt::format("the list holds {}, asked for {}", name_of(list.dtype), name_of(asked)));
  }
}

void check_item(const TensorList& list, const Datum& item) {
  if (item.list != nullptr) {
    check_dtype(list, DType::tensor_list);
    return;
  }
  check_dtype(list, item.tensor.dtype());
  combine(list.element_shape, item.tensor.shape());
}

// A list reserved for variants, which may be lists or packed tensors, holds what its first item is.
bool may_hold_packed(const TensorList& list) {
  return list.dtype == DType::tensor_list &&
         std::ranges::all_of(list.items, [](const Datum& item) { return item.empty(); });
}

void settle_type(TensorList& list, const Datum& item) {
  if (item.list == nullptr && item.tensor.dtype() == DType::string && may_hold_packed(list)) {
    list.dtype = DType::string;
  }
}

std::size_t index_in(const TensorList& list, const Datum& index) {
  const std::int64_t i = scalar_of(index, "index");
  if (i < 0 || static_cast<std::size_t>(i) >= list.items.size()) {
    invalid(fmt::format("index {} in a list of {} items", i, list.items.size()));
  }
  return static_cast<std::size_t>(i);
}

// The shape of the list's items as far as its type, the operand and the items that are set tell.
Shape item_shape(const TensorList& list, const Shape& asked) {
  Shape shape = combine(list.element_shape, asked);
  for (const Datum& item : list.items) {
    if (shape.is_static()) break;
    if (!item.tensor.empty()) shape = combine(shape, item.tensor.shape());
  }
  return shape;
}

Datum item_of(const TensorList& list, const Datum& item, const Shape& asked) {
  if (!item.empty()) {
    if (item.list == nullptr) combine(asked, item.tensor.shape());
    Datum result = item;
    result.shared = true;  // the list holds it too
    return result;
  }
  if (list.dtype == DType::tensor_list) {
    return from_list(std::make_shared<TensorList>());
  }
  const Shape shape = item_shape(list, asked);
  if (!shape.is_static()) {
    invalid(
        fmt::format("reading an item that was never set and whose shape is {}", shape.to_string()));
  }
  return from_tensor(Tensor(list.dtype, shape));
}

Datum reserve(const ops::ListReserve& op, std::vector<Datum>& operands) {
  const std::int64_t count = scalar_of(operands[1], "count");
  if (count < 0 || count > kMaxItems) invalid(fmt::format("a list of {} items", count));
  const bool resizes = operands.size() == 3;
  auto list = resizes ? writable(std::move(operands[2])) : std::make_shared<TensorList>();
  if (!resizes) {
    list->dtype = op.dtype;
    list->element_shape = shape_of(operands[0]);
  }
  list->items.resize(static_cast<std::size_t>(count));
  return from_list(std::move(list));
}

// Items refer to the tensor's memory.
Datum unstack(const Tensor& tensor) {
  if (tensor.empty() || tensor.shape().rank() == 0) invalid("a list from a scalar");
  const auto owner = std::make_shared<const Tensor>(tensor);
  const std::vector<std::int64_t>& dims = tensor.shape().dims();
  auto list = std::make_shared<TensorList>();
  list->dtype = tensor.dtype();
  list->element_shape = Shape(std::vector<std::int64_t>(dims.begin() + 1, dims.end()));
  if (dims[0] > kMaxItems) invalid(fmt::format("a list of {} items", dims[0]));
  const std::size_t bytes =
      dims[0] == 0 ? 0 : tensor.size_bytes() / static_cast<std::size_t>(dims[0]);
  const auto* data = static_cast<const std::byte*>(tensor.data());
  list->items.resize(static_cast<std::size_t>(dims[0]));
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    list->items[i].tensor =
        Tensor::borrow(tensor.dtype(), list->element_shape, data + i * bytes, owner);
    list->items[i].shared = true;
  }
  return from_list(std::move(list));
}

Datum set(const ops::ListSet& op, std::vector<Datum>& operands) {
  const std::int64_t index = scalar_of(operands[1], "index");
  std::shared_ptr<TensorList> list = writable(std::move(operands[0]));
  settle_type(*list, operands[2]);
  check_item(*list, operands[2]);
  if (op.resize && index >= 0 && index < kMaxItems &&
      static_cast<std::size_t>(index) >= list->items.size()) {
    list->items.resize(static_cast<std::size_t>(index) + 1);
  }
  list->items[index_in(*list, operands[1])] = std::move(operands[2]);
  return from_list(std::move(list));
}

Datum stack(const ops::ListStack& op, std::vector<Datum>& operands) {
  const TensorList& list = list_of(operands[0]);
  if (op.dtype != DType::string || !may_hold_packed(list)) check_dtype(list, op.dtype);
  const Shape item = item_shape(list, shape_of(operands[1]));
  if (!item.is_static()) {
    invalid(fmt::format("stacking {} items of shape {}", list.items.size(), item.to_string()));
  }
  std::vector<std::int64_t> dims = item.dims();
  dims.insert(dims.begin(), static_cast<std::int64_t>(list.items.size()));
  Tensor result(op.dtype, Shape(dims));
  const auto count = static_cast<std::size_t>(item.num_elements());
  const std::size_t bytes = count * size_of(op.dtype);
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Tensor& from = list.items[i].tensor;
    if (from.empty()) continue;  // never set: zeros
    if (from.shape() != item) {
      invalid(fmt::format("stacking items of shapes {} and {}", item.to_string(),
                          from.shape().to_string()));
    }
    if (op.dtype == DType::string) {
      std::copy_n(from.data<std::string>(), count, result.mutable_data<std::string>() + i * count);
    } else if (bytes > 0) {
      std::memcpy(static_cast<std::byte*>(result.mutable_data()) + i * bytes, from.data(), bytes);
    }
  }
  return from_tensor(std::move(result));
}

std::vector<Datum> pop(const ops::ListPopBack& op, std::vector<Datum>& operands) {
  check_dtype(list_of(operands[0]), op.dtype);
  if (list_of(operands[0]).items.empty()) invalid("popping an item of an empty list");
  std::shared_ptr<TensorList> list = writable(std::move(operands[0]));
  Datum item = item_of(*list, list->items.back(), shape_of(operands[1]));
  list->items.pop_back();
  std::vector<Datum> results;
  results.push_back(from_list(std::move(list)));
  results.push_back(std::move(item));
  return results;
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

std::vector<Datum> one(Datum datum) {
  std::vector<Datum> results;
  results.push_back(std::move(datum));
  return results;
}

}  // namespace

bool is_list_op(const Op& op) {
  return std::holds_alternative<ops::ListReserve>(op) ||
         std::holds_alternative<ops::ListFromTensor>(op) ||
         std::holds_alternative<ops::ListGet>(op) || std::holds_alternative<ops::ListSet>(op) ||
         std::holds_alternative<ops::ListPushBack>(op) ||
         std::holds_alternative<ops::ListPopBack>(op) ||
         std::holds_alternative<ops::ListStack>(op) || std::holds_alternative<ops::ListLength>(op);
}

std::vector<Datum> run_list_op(const Op& op, std::vector<Datum>&& operands) {
  return std::visit(
      Overloaded{
          [&](const ops::ListReserve& reserve_op) { return one(reserve(reserve_op, operands)); },
          [&](const ops::ListFromTensor&) { return one(unstack(operands[0].tensor)); },
          [&](const ops::ListGet& get) {
            const TensorList& list = list_of(operands[0]);
            check_dtype(list, get.dtype);
            return one(
                item_of(list, list.items[index_in(list, operands[1])], shape_of(operands[2])));
          },
          [&](const ops::ListSet& set_op) { return one(set(set_op, operands)); },
          [&](const ops::ListPushBack&) {
            std::shared_ptr<TensorList> list = writable(std::move(operands[0]));
            settle_type(*list, operands[1]);
            check_item(*list, operands[1]);
            list->items.push_back(std::move(operands[1]));
            return one(from_list(std::move(list)));
          },
          [&](const ops::ListPopBack& pop_op) { return pop(pop_op, operands); },
          [&](const ops::ListStack& stack_op) { return one(stack(stack_op, operands)); },
          [&](const ops::ListLength&) {
            const auto length = static_cast<std::int32_t>(list_of(operands[0]).items.size());
            return one(from_tensor(Tensor::from<std::int32_t>(Shape{}, {length})));
          },
          [&](const auto&) -> std::vector<Datum> {
            fail(ErrorCode::internal, "{} is not a list op", name_of(op));
          },
      },
      op);
}

}  // namespace thaw
