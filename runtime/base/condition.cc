#include "runtime/base/condition.h"

#include <algorithm>
#include <complex>

#include "runtime/base/half.h"

namespace thaw {

bool is_true(const Tensor& condition) {
  if (condition.shape().rank() != 0) return condition.num_elements() > 0;
  const void* data = condition.data();
  switch (condition.dtype()) {
    case DType::boolean: return *static_cast<const bool*>(data);
    case DType::string: return !static_cast<const std::string*>(data)->empty();
    case DType::float16: return half_to_float(*static_cast<const std::uint16_t*>(data)) != 0;
    case DType::bfloat16: return bfloat_to_float(*static_cast<const std::uint16_t*>(data)) != 0;
    case DType::float32: return *static_cast<const float*>(data) != 0;
    case DType::float64: return *static_cast<const double*>(data) != 0;
    case DType::complex64: return *static_cast<const std::complex<float>*>(data) != 0.0F;
    case DType::complex128: return *static_cast<const std::complex<double>*>(data) != 0.0;
    default: break;
  }
  const auto* bytes = static_cast<const unsigned char*>(data);  // integers: any bit set
  return std::any_of(bytes, bytes + condition.size_bytes(),
                     [](unsigned char byte) { return byte != 0; });
}

}  // namespace thaw
