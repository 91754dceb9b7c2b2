// Rows as sets: the last axis of a dense or sparse tensor holds the elements of one set.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

using Ints = std::vector<std::int64_t>;

/// The sets that are not empty, by their position.
template <class T>
using Groups = std::map<Ints, std::set<T>>;

Ints leading(const Ints& shape) { return {shape.begin(), shape.end() - 1}; }

template <class T>
Groups<T> dense_groups(const Tensor& set) {
  Groups<T> groups;
  const Shape& shape = set.shape();
  const std::int64_t size = shape[shape.rank() - 1];
  Ints position(static_cast<std::size_t>(shape.rank()) - 1, 0);
  for (std::int64_t at = 0; at < set.num_elements(); at += size) {
    groups[position].insert(elements<T>(set) + at, elements<T>(set) + at + size);
    for (std::size_t axis = position.size(); axis-- > 0;) {
      if (++position[axis] < shape[static_cast<int>(axis)]) break;
      position[axis] = 0;
    }
  }
  return groups;
}

template <class T>
Groups<T> sparse_groups(const Tensor& indices, const Tensor& values, const Ints& shape) {
  const Ints numbers = integers(indices);
  const std::size_t rank = shape.size();
  if (numbers.size() != rank * static_cast<std::size_t>(values.num_elements())) {
    invalid("a set of {} values with {} indices of {} dimensions", values.num_elements(),
            numbers.size(), rank);
  }
  Groups<T> groups;
  for (std::int64_t i = 0; i < values.num_elements(); ++i) {
    const auto begin = numbers.begin() + i * static_cast<std::int64_t>(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (begin[static_cast<std::int64_t>(axis)] < 0 ||
          begin[static_cast<std::int64_t>(axis)] >= shape[axis]) {
        invalid("set indices leave the shape [{}]", fmt::join(shape, ", "));
      }
    }
    groups[Ints(begin, begin + static_cast<std::int64_t>(rank) - 1)].insert(elements<T>(values)[i]);
  }
  return groups;
}

template <class T>
struct SetOperand {
  Ints group_shape;
  Groups<T> groups;
};

/// Reads a dense set, one operand, or a sparse set, three operands.
template <class T>
SetOperand<T> read_set(const HostArgs& args, std::size_t& next, bool sparse) {
  if (!sparse) {
    const Tensor& set = args.in[next++];
    return {leading(set.shape().dims()), dense_groups<T>(set)};
  }
  const Ints shape = integers(args.in[next + 2]);
  if (shape.size() < 2) invalid("a sparse set has {} dimensions", shape.size());
  next += 3;
  return {leading(shape), sparse_groups<T>(args.in[next - 3], args.in[next - 2], shape)};
}

template <class T>
std::vector<T> combine(const std::string& operation, const std::set<T>& a, const std::set<T>& b) {
  std::vector<T> result;
  const auto out = std::back_inserter(result);
  if (operation == "a-b") {
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), out);
  } else if (operation == "b-a") {
    std::set_difference(b.begin(), b.end(), a.begin(), a.end(), out);
  } else if (operation == "intersection") {
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), out);
  } else {
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), out);
  }
  return result;
}

template <class T>
std::vector<Tensor> operate(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  std::size_t next = 0;
  const SetOperand<T> a = read_set<T>(args, next, attributes.flag("sparse_a"));
  const SetOperand<T> b = read_set<T>(args, next, attributes.flag("sparse_b"));
  if (a.group_shape != b.group_shape) {
    invalid("sets of shapes [{}] and [{}]", fmt::join(a.group_shape, ", "),
            fmt::join(b.group_shape, ", "));
  }
  std::set<Ints> positions;
  for (const auto& [position, set] : a.groups) positions.insert(position);
  for (const auto& [position, set] : b.groups) positions.insert(position);
  const auto set_at = [](const Groups<T>& groups, const Ints& position) {
    const auto found = groups.find(position);
    return found == groups.end() ? std::set<T>{} : found->second;
  };
  Ints indices;
  std::vector<T> values;
  std::int64_t largest = 0;
  for (const Ints& position : positions) {
    const std::vector<T> result = combine(attributes.text("operation"), set_at(a.groups, position),
                                          set_at(b.groups, position));
    largest = std::max(largest, static_cast<std::int64_t>(result.size()));
    for (std::size_t i = 0; i < result.size(); ++i) {
      indices.insert(indices.end(), position.begin(), position.end());
      indices.push_back(static_cast<std::int64_t>(i));
    }
    values.insert(values.end(), result.begin(), result.end());
  }
  Ints shape = a.group_shape;
  shape.push_back(largest);
  const auto count = static_cast<std::int64_t>(values.size());
  const auto rank = static_cast<std::int64_t>(shape.size());
  return {integer_tensor(DType::int64, {count, rank}, indices), Tensor::from(Shape{count}, values),
          integer_tensor(DType::int64, {rank}, shape)};
}

template <class T>
std::vector<Tensor> sizes(const HostArgs& args) {
  std::size_t next = 0;
  const SetOperand<T> set = read_set<T>(args, next, true);
  Tensor result = allocate(DType::int32, set.group_shape);
  for (const auto& [position, group] : set.groups) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < position.size(); ++axis) {
      at = at * set.group_shape[axis] + position[axis];
    }
    result.mutable_data<std::int32_t>()[at] = static_cast<std::int32_t>(group.size());
  }
  return {result};
}

template <class Make>
std::vector<Tensor> for_set_types(DType dtype, const Make& make) {
  return dtype == DType::string ? make(Tag<std::string>{}) : for_integers(dtype, make);
}

}  // namespace

// (set a, set b), each dense or (indices, values, shape) -> (indices, values, shape)
std::vector<Tensor> set_operation(const HostArgs& args) {
  const std::size_t values = args.call.attributes.flag("sparse_a") ? 1 : 0;
  return for_set_types(args.in[values].dtype(),
                       [&](auto tag) { return operate<TypeOf<decltype(tag)>>(args); });
}

// (indices, values, shape) -> (distinct values per set)
std::vector<Tensor> set_size(const HostArgs& args) {
  return for_set_types(args.in[1].dtype(),
                       [&](auto tag) { return sizes<TypeOf<decltype(tag)>>(args); });
}

}  // namespace thaw::host
