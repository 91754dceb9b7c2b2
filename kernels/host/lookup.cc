// Tables from keys to values.
#include <cstring>
#include <unordered_map>

#include "kernels/host/families.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw::host {
namespace {

// Key -> row of the values; the last of equal keys counts.
template <class Key>
using Rows = std::unordered_map<Key, std::int64_t>;

template <class Key>
std::shared_ptr<const Rows<Key>> rows_of(const Tensor& keys, PackCache* packs) {
  const auto build = [&keys]() -> std::shared_ptr<const void> {
    auto rows = std::make_shared<Rows<Key>>();
    rows->reserve(static_cast<std::size_t>(keys.num_elements()));
    for (std::int64_t i = 0; i < keys.num_elements(); ++i) (*rows)[keys.data<Key>()[i]] = i;
    return rows;
  };
  // An empty tensor has no address of its own to be known by.
  const bool keep = packs != nullptr && keys.num_elements() > 0;
  return std::static_pointer_cast<const Rows<Key>>(keep ? packs->get(keys, "table", build)
                                                        : build());
}

// Row of the values for every query; -1 for an unknown key.
template <class Key>
std::vector<std::int64_t> find_rows(const Tensor& keys, const Tensor& queries, PackCache* packs) {
  const auto rows = rows_of<Key>(keys, packs);
  std::vector<std::int64_t> found(static_cast<std::size_t>(queries.num_elements()), -1);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto row = rows->find(queries.data<Key>()[i]);
    if (row != rows->end()) found[i] = row->second;
  }
  return found;
}

std::vector<std::int64_t> find_all(const Tensor& keys, const Tensor& queries, PackCache* packs) {
  switch (keys.dtype()) {
    case DType::string: return find_rows<std::string>(keys, queries, packs);
    case DType::int8: return find_rows<std::int8_t>(keys, queries, packs);
    case DType::int16: return find_rows<std::int16_t>(keys, queries, packs);
    case DType::int32: return find_rows<std::int32_t>(keys, queries, packs);
    case DType::int64: return find_rows<std::int64_t>(keys, queries, packs);
    case DType::uint8: return find_rows<std::uint8_t>(keys, queries, packs);
    case DType::uint16: return find_rows<std::uint16_t>(keys, queries, packs);
    case DType::uint32: return find_rows<std::uint32_t>(keys, queries, packs);
    case DType::uint64: return find_rows<std::uint64_t>(keys, queries, packs);
    case DType::boolean: return find_rows<bool>(keys, queries, packs);
    case DType::float32: return find_rows<float>(keys, queries, packs);
    case DType::float64: return find_rows<double>(keys, queries, packs);
    default: fail(ErrorCode::unimplemented, "a table with keys of {}", name_of(keys.dtype()));
  }
}

// The table's own floats in the type that the computation runs in.
double real_at(const Tensor& tensor, std::int64_t i) {
  switch (tensor.dtype()) {
    case DType::float16: return to_float(static_cast<const float16*>(tensor.data())[i]);
    case DType::bfloat16: return to_float(static_cast<const bfloat16*>(tensor.data())[i]);
    case DType::float32: return static_cast<double>(tensor.data<float>()[i]);
    default: return tensor.data<double>()[i];
  }
}

void copy_element(const Tensor& from, std::int64_t i, Tensor& to, std::int64_t k) {
  if (from.dtype() == DType::string) {
    to.mutable_data<std::string>()[k] = from.data<std::string>()[i];
  } else if (from.dtype() == to.dtype()) {
    const std::size_t width = size_of(to.dtype());
    std::memcpy(static_cast<std::byte*>(to.mutable_data()) + static_cast<std::size_t>(k) * width,
                static_cast<const std::byte*>(from.data()) + static_cast<std::size_t>(i) * width,
                width);
  } else if (to.dtype() == DType::float64) {
    to.mutable_data<double>()[k] = real_at(from, i);
  } else {
    fail(ErrorCode::invalid_argument, "a table of {} for results of {}", name_of(from.dtype()),
         name_of(to.dtype()));
  }
}

// (queries, default) -> (values): `values` has a row for every key; the default is one row, or a
// row for every query.
std::vector<Tensor> lookup_values(const HostArgs& args) {
  const Tensor& keys = args.call.attributes.tensor("keys");
  const Tensor& values = args.call.attributes.tensor("values");
  const Tensor &queries = args.in[0], &otherwise = args.in[1];
  std::vector<std::int64_t> dims = queries.shape().dims();
  std::int64_t row = 1;
  for (int axis = 1; axis < values.shape().rank(); ++axis) {
    dims.push_back(values.shape()[axis]);
    row *= values.shape()[axis];
  }
  Tensor out(otherwise.dtype(), Shape(dims));
  const bool per_query = otherwise.num_elements() != row;
  if (per_query && otherwise.num_elements() != out.num_elements()) {
    fail(ErrorCode::invalid_argument, "Expected shape {} or {} for default value, got {}",
         Shape(std::vector<std::int64_t>(dims.begin() + queries.shape().rank(), dims.end()))
             .to_string(),
         out.shape().to_string(), otherwise.shape().to_string());
  }
  const std::vector<std::int64_t> found = find_all(keys, queries, args.packs);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i) * row;
    for (std::int64_t k = 0; k < row; ++k) {
      if (found[i] >= 0) {
        copy_element(values, found[i] * row + k, out, at + k);
      } else {
        copy_element(otherwise, per_query ? at + k : k, out, at + k);
      }
    }
  }
  return {out};
}

}  // namespace

std::span<const HostKernel> lookup() {
  static constexpr HostKernel kKernels[] = {{"lookup", lookup_values}};
  return kKernels;
}

}  // namespace thaw::host
