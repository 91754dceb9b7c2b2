// Indices of the elements that are not zero.
#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

template <class T>
Tensor non_zero(const Tensor& condition) {
  const T* x = static_cast<const T*>(condition.data());
  const Compute<T> zero{};
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < condition.num_elements(); ++i) count += load(x[i]) != zero ? 1 : 0;
  const int rank = condition.shape().rank();
  Tensor result(DType::int64, {count, rank});
  auto* row = result.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < condition.num_elements(); ++i) {
    if (load(x[i]) == zero) continue;
    std::int64_t rest = i;
    for (int axis = rank - 1; axis >= 0; --axis) {
      row[axis] = rest % condition.shape()[axis];
      rest /= condition.shape()[axis];
    }
    row += rank;
  }
  return result;
}

}  // namespace

Tensor where(const Tensor& condition) {
  switch (condition.dtype()) {
    case DType::boolean: return non_zero<bool>(condition);
    case DType::float16: return non_zero<float16>(condition);
    case DType::bfloat16: return non_zero<bfloat16>(condition);
    case DType::float32: return non_zero<float>(condition);
    case DType::float64: return non_zero<double>(condition);
    case DType::int8: return non_zero<std::int8_t>(condition);
    case DType::int16: return non_zero<std::int16_t>(condition);
    case DType::int32: return non_zero<std::int32_t>(condition);
    case DType::int64: return non_zero<std::int64_t>(condition);
    case DType::uint8: return non_zero<std::uint8_t>(condition);
    case DType::uint16: return non_zero<std::uint16_t>(condition);
    case DType::uint32: return non_zero<std::uint32_t>(condition);
    case DType::uint64: return non_zero<std::uint64_t>(condition);
    case DType::complex64: return non_zero<Complex64>(condition);
    case DType::complex128: return non_zero<Complex128>(condition);
    default: fail(ErrorCode::unimplemented, "where of {}", name_of(condition.dtype()));
  }
}

}  // namespace thaw::reference
