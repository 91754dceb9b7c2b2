#include "tests/cases/cases.h"

#include <cmath>
#include <complex>
#include <limits>
#include <random>

#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<double> kSpecial = {kNaN, 0.5,  kInfinity, -1.5, -kInfinity, 0,    -0.0, 2.5,
                                      -2.5, 1e-3, 88,        -88,  3,          -7,   1,    -1,
                                      0.25, 1.5,  -0.5,      12,   -20,        30000};

std::vector<double> make_values(const OperandCase& operand, bool whole, std::int64_t count,
                                std::mt19937& random) {
  std::vector<double> values;
  std::uniform_real_distribution<double> uniform(operand.low, operand.high);
  for (std::int64_t i = 0; i < count; ++i) {
    if (operand.fill == Fill::special || operand.fill == Fill::values) {
      const auto& list = operand.fill == Fill::special ? kSpecial : operand.values;
      values.push_back(list[static_cast<std::size_t>(i) % list.size()]);
    } else {
      const double value = uniform(random);
      values.push_back(whole || operand.fill == Fill::whole ? std::floor(value) : value);
    }
  }
  return values;
}

template <class T>
void set_numbers(Tensor& tensor, const std::vector<double>& values) {
  T* out = static_cast<T*>(tensor.mutable_data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Extremes of the special list that an integer type does not have become 0.
    const double value = values[i];
    if constexpr (std::is_integral_v<T>) {
      out[i] = std::fabs(value) < 100 ? static_cast<T>(static_cast<std::int64_t>(value)) : T{0};
    } else {
      out[i] = static_cast<T>(value);
    }
  }
}

template <class T>
void set_complex(Tensor& tensor, const std::vector<double>& values) {
  auto* out = static_cast<std::complex<T>*>(tensor.mutable_data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = {static_cast<T>(values[i]), static_cast<T>(values[(i * 7 + 3) % values.size()] * 0.5)};
  }
}

void set_text(Tensor& tensor, const std::vector<double>& values) {
  auto* out = tensor.mutable_data<std::string>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = "text " + std::to_string(static_cast<int>(values[i] * 1000));
  }
}

void set_elements(Tensor& tensor, const std::vector<double>& values) {
  switch (tensor.dtype()) {
    case DType::float16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.mutable_data<float16>()[i] = float16_from(static_cast<float>(values[i]));
      }
      break;
    case DType::bfloat16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.mutable_data<bfloat16>()[i] = bfloat16_from(static_cast<float>(values[i]));
      }
      break;
    case DType::float32: set_numbers<float>(tensor, values); break;
    case DType::float64: set_numbers<double>(tensor, values); break;
    case DType::int8: set_numbers<std::int8_t>(tensor, values); break;
    case DType::int16: set_numbers<std::int16_t>(tensor, values); break;
    case DType::int32: set_numbers<std::int32_t>(tensor, values); break;
    case DType::int64: set_numbers<std::int64_t>(tensor, values); break;
    case DType::uint8: set_numbers<std::uint8_t>(tensor, values); break;
    case DType::uint16: set_numbers<std::uint16_t>(tensor, values); break;
    case DType::uint32: set_numbers<std::uint32_t>(tensor, values); break;
    case DType::uint64: set_numbers<std::uint64_t>(tensor, values); break;
    case DType::boolean:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.mutable_data<bool>()[i] = values[i] != 0;
      }
      break;
    case DType::complex64: set_complex<float>(tensor, values); break;
    case DType::complex128: set_complex<double>(tensor, values); break;
    case DType::string: set_text(tensor, values); break;
    default: throw Error(ErrorCode::internal, "case table: no elements of this type");
  }
}

bool is_unsigned(DType dtype) {
  return dtype == DType::uint8 || dtype == DType::uint16 || dtype == DType::uint32 ||
         dtype == DType::uint64;
}

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> rows = [] {
    std::vector<OpCase> all;
    for (auto* family : {elementwise_rows, product_rows, window_rows, reduction_rows, layout_rows,
                         indexing_rows, recurrent_rows, attention_rows}) {
      for (OpCase& row : family()) all.push_back(std::move(row));
    }
    return all;
  }();
  return rows;
}

std::vector<Tensor> make_operands(const OpCase& row, DType dtype) {
  std::seed_seq seed(row.name.begin(), row.name.end());
  std::mt19937 random(seed);
  std::vector<Tensor> operands;
  for (OperandCase operand : row.operands) {
    const DType type = operand.dtype == DType::invalid ? dtype : operand.dtype;
    const bool integer = is_integer(type) || type == DType::boolean;
    if (integer && operand.fill == Fill::uniform && operand.high - operand.low <= 3) {
      operand.low *= 9;  // [-1, 1) holds one whole number
      operand.high = operand.high * 9 + 1;
    }
    if (type == DType::boolean) operand.low = 0, operand.high = 2;
    if (is_unsigned(type) && operand.low < 0) operand.low = 0;
    Tensor tensor(type, operand.shape);
    std::vector<double> values = make_values(operand, integer, tensor.num_elements(), random);
    if (is_unsigned(type)) {
      for (double& value : values) value = std::fabs(value);
    }
    set_elements(tensor, values);
    operands.push_back(std::move(tensor));
  }
  return operands;
}

}  // namespace thaw::test
