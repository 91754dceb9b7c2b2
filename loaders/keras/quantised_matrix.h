// The stored numbers of quantised kernels, decoded at load.
#pragma once

#include <string>
#include <vector>

#include "loaders/keras/quantised.h"

namespace thaw::keras {

struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values;  // row by row

  double& at(std::int64_t row, std::int64_t column) {
    return values[static_cast<std::size_t>(row * columns + column)];
  }
  double at(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(row * columns + column)];
  }
};

/// True where each group of rows has a zero point and a scale, so that the kernel is known at load.
bool is_grouped(const Quantisation& how);

/// How many groups that many rows are in.
std::int64_t group_count(const Quantisation& how, std::int64_t rows);
/// The group of each row, checked.
std::vector<std::int64_t> group_indices(const Layer& layer, Weights& weights, std::int64_t rows,
                                        std::int64_t groups);

/// Numbers of 4 bits as int8 [rows, columns]. Two are in a byte, the low half first: Keras packs
/// columns from 3.14 on, rows before; the shape tells.
Tensor int4_numbers(const Layer& layer, Weights& weights, const std::string& name,
                    std::int64_t rows, std::int64_t columns);
Matrix int4_matrix(const Layer& layer, Weights& weights, const std::string& name, std::int64_t rows,
                   std::int64_t columns);
/// The kernel of int4 with groups, of GPTQ and of AWQ as its true numbers.
Matrix grouped_kernel(const Layer& layer, Weights& weights, const Quantisation& how,
                      std::int64_t rows, std::int64_t columns);
/// An int4 table as its true numbers.
Matrix int4_table(const Layer& layer, Weights& weights, const Quantisation& how,
                  std::int64_t tokens, std::int64_t width);
/// An int4 table of the way back with groups: [width, tokens].
Matrix grouped_reverse_table(const Layer& layer, Weights& weights, const Quantisation& how,
                             std::int64_t width, std::int64_t tokens);

/// A variable's numbers, rounded to the compute type as Keras casts them.
std::vector<double> in_compute_type(const Layer& layer, Weights& weights, const std::string& name,
                                    const Shape& shape);
/// Values computed in double and rounded once, which gives what the operation in their own type
/// does.
ValueId constant_of(const Shape& shape, const std::vector<double>& values, DType dtype,
                    GraphBuilder& g);

}  // namespace thaw::keras
