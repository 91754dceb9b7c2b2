// Distinct elements or slices in the order of their first appearance, and differences of lists.
#include <unordered_map>
#include <unordered_set>

#include "kernels/host/keys.h"
#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

/// x seen as [outer, size, inner] along the axis whose slices are compared.
struct Layout {
  std::int64_t outer = 1, size = 0, inner = 1;
  int axis = 0;
};

Layout layout_of(const HostArgs& args) {
  const Shape& shape = args.in[0].shape();
  Layout layout;
  std::vector<std::int64_t> axes;
  if (args.in.size() == 2) axes = integers(args.in[1]);
  if (axes.size() > 1) invalid("axis: expected at most one, found {}", axes.size());
  if (axes.empty()) {
    if (shape.rank() != 1) invalid("x: expected a vector, found shape {}", shape.to_string());
  } else {
    const std::int64_t axis = axes[0] < 0 ? axes[0] + shape.rank() : axes[0];
    if (axis < 0 || axis >= shape.rank()) {
      invalid("axis: {} is outside of shape {}", axes[0], shape.to_string());
    }
    layout.axis = static_cast<int>(axis);
  }
  layout.outer = product(shape, 0, layout.axis);
  layout.size = shape[layout.axis];
  layout.inner = product(shape, layout.axis + 1, shape.rank());
  return layout;
}

/// The chosen slices of x.
Tensor take(const Tensor& x, const Layout& layout, const std::vector<std::int64_t>& slices) {
  const auto count = static_cast<std::int64_t>(slices.size());
  std::vector<std::int64_t> dims = x.shape().dims();
  dims[static_cast<std::size_t>(layout.axis)] = count;
  Tensor y = allocate(x.dtype(), dims);
  for_storage(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* from = elements<T>(x);
    T* to = mutable_elements<T>(y);
    for (std::int64_t i = 0; i < count; ++i) {
      copy_slice(from, layout.size, slices[static_cast<std::size_t>(i)], to, count, i, layout.outer,
                 layout.inner);
    }
  });
  return y;
}

}  // namespace

// (x, [axis]) -> (y, index of each slice in y, [how often each of y appears])
std::vector<Tensor> unique(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Layout layout = layout_of(args);
  const DType dtype = args.call.attributes.dtype("dtype");
  const SliceKeys keys(x, layout.outer, layout.size, layout.inner);
  std::unordered_map<std::string, std::int64_t> numbers;
  std::vector<std::int64_t> first, index(static_cast<std::size_t>(layout.size)), counts;
  std::string key;
  for (std::int64_t i = 0; i < layout.size; ++i) {
    const auto next = static_cast<std::int64_t>(first.size());
    std::int64_t number = next;
    if (keys.key(i, key)) number = numbers.emplace(key, next).first->second;
    if (number == next) {
      first.push_back(i);
      counts.push_back(0);
    }
    index[static_cast<std::size_t>(i)] = number;
    ++counts[static_cast<std::size_t>(number)];
  }
  const auto found = static_cast<std::int64_t>(first.size());
  std::vector<Tensor> results{take(x, layout, first), integer_tensor(dtype, {layout.size}, index)};
  if (args.out.size() == 3) results.push_back(integer_tensor(dtype, {found}, counts));
  return results;
}

// (x, y) -> (elements of x that are not in y, their positions)
std::vector<Tensor> list_difference(const HostArgs& args) {
  const Tensor &x = args.in[0], &y = args.in[1];
  const std::int64_t size = x.num_elements();
  std::unordered_set<std::string> excluded;
  std::string key;
  const SliceKeys y_keys(y, 1, y.num_elements(), 1);
  for (std::int64_t i = 0; i < y.num_elements(); ++i) {
    if (y_keys.key(i, key)) excluded.insert(key);
  }
  const SliceKeys x_keys(x, 1, size, 1);
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < size; ++i) {
    if (!x_keys.key(i, key) || !excluded.contains(key)) kept.push_back(i);
  }
  const Layout layout{1, size, 1, 0};
  const DType dtype = args.call.attributes.dtype("dtype");
  return {take(x, layout, kept),
          integer_tensor(dtype, {static_cast<std::int64_t>(kept.size())}, kept)};
}

}  // namespace thaw::host
