// Diagonals of matrices of any element type: making, taking and setting several at once.
#include <cstring>

#include "kernels/host/linalg.h"

namespace thaw::host {
namespace {

/// The diagonals lower..upper of matrices [rows, cols]: diagonal d holds the elements (i, i + d).
/// They are stored from the upper one down, as rows of the longest one's length, shorter ones
/// flush left or right.
struct Diagonals {
  std::int64_t lower = 0, upper = 0;
  std::int64_t rows = 0, cols = 0;
  bool left_above = true, left_below = true;

  std::int64_t count() const { return upper - lower + 1; }
  std::int64_t length(std::int64_t d) const {
    return std::min(rows + std::min<std::int64_t>(d, 0), cols - std::max<std::int64_t>(d, 0));
  }
  std::int64_t longest() const {
    return std::min(rows + std::min<std::int64_t>(upper, 0),
                    cols - std::max<std::int64_t>(lower, 0));
  }
  /// Where diagonal d begins in its row of `width` elements.
  std::int64_t offset(std::int64_t d, std::int64_t width) const {
    const bool left = (d >= 0 && left_above) || (d <= 0 && left_below);
    return left ? 0 : width - length(d);
  }
};

Diagonals diagonals_of(const HostArgs& args, const Tensor& k) {
  Diagonals diagonals;
  const std::vector<std::int64_t> range = integers(k);
  if (range.empty() || range.size() > 2) {
    fail(ErrorCode::invalid_argument, "diag_index must have one or two elements, received {}",
         range.size());
  }
  for (const std::int64_t index : range) {
    if (index < INT32_MIN || index > INT32_MAX) {
      fail(ErrorCode::invalid_argument, "diagonal index is out of bound: {}", index);
    }
  }
  diagonals.lower = range.front();
  diagonals.upper = range.back();
  if (diagonals.lower > diagonals.upper) {
    fail(ErrorCode::invalid_argument,
         "lower_diag_index must not be larger than upper_diag_index: {} > {}", diagonals.lower,
         diagonals.upper);
  }
  const std::string& align = args.call.attributes.text("align");
  diagonals.left_above = align == "LEFT_LEFT" || align == "LEFT_RIGHT";
  diagonals.left_below = align == "LEFT_LEFT" || align == "RIGHT_LEFT";
  return diagonals;
}

/// Throws unless both ends lie in a matrix [rows, cols].
void expect_inside(const Diagonals& d) {
  for (const std::int64_t index : {d.lower, d.upper}) {
    if (index == 0 || (-d.rows < index && index < d.cols)) continue;
    fail(ErrorCode::invalid_argument,
         "diagonal index is out of bound: {}. It must be between {} and {}", index, -d.rows,
         d.cols);
  }
}

/// Elements as so many bytes, or as strings.
class Elements {
 public:
  explicit Elements(DType dtype) : width_(size_of(dtype)), text_(dtype == DType::string) {}

  void copy(const Tensor& from, std::int64_t i, Tensor& to, std::int64_t k) const {
    if (text_) {
      to.mutable_data<std::string>()[k] = from.data<std::string>()[i];
    } else {
      std::memcpy(static_cast<char*>(to.mutable_data()) + static_cast<std::size_t>(k) * width_,
                  static_cast<const char*>(from.data()) + static_cast<std::size_t>(i) * width_,
                  width_);
    }
  }
  void fill(const Tensor& value, Tensor& to) const {
    for (std::int64_t i = 0; i < to.num_elements(); ++i) copy(value, 0, to, i);
  }

 private:
  std::size_t width_;
  bool text_;
};

/// visit(element of the matrices, element of the stored diagonals) for every stored element that
/// stands in a matrix.
template <class Visit>
void each_element(const Diagonals& d, std::int64_t matrices, std::int64_t width, Visit&& visit) {
  for (std::int64_t m = 0; m < matrices; ++m) {
    for (std::int64_t diagonal = d.upper; diagonal >= d.lower; --diagonal) {
      const std::int64_t row = m * d.count() + (d.upper - diagonal);
      const std::int64_t begin = row * width + d.offset(diagonal, width);
      for (std::int64_t i = 0; i < d.length(diagonal); ++i) {
        const std::int64_t at_row = i - std::min<std::int64_t>(diagonal, 0);
        const std::int64_t at_col = i + std::max<std::int64_t>(diagonal, 0);
        visit((m * d.rows + at_row) * d.cols + at_col, begin + i);
      }
    }
  }
}

/// The matrices' size: given, or the least that holds the diagonals (square if neither is given).
void set_size(Diagonals& d, std::int64_t width, std::int64_t rows, std::int64_t cols) {
  const std::int64_t least_rows = width - std::min<std::int64_t>(d.upper, 0);
  const std::int64_t least_cols = width + std::max<std::int64_t>(d.lower, 0);
  if ((rows != -1 && rows < least_rows) || (cols != -1 && cols < least_cols)) {
    fail(ErrorCode::invalid_argument, "The number of rows or columns is too small.");
  }
  if (rows == -1 && cols == -1) rows = cols = std::max(least_rows, least_cols);
  d.rows = rows == -1 ? least_rows : rows;
  d.cols = cols == -1 ? least_cols : cols;
  if (d.rows != least_rows && d.cols != least_cols) {
    fail(ErrorCode::invalid_argument,
         "The number of rows or columns is not consistent with the specified d_lower, d_upper, "
         "and diagonal.");
  }
}

}  // namespace

// (diagonal [..., K, L] or [..., L], k, rows, cols, padding) -> ([..., rows, cols])
Results matrix_diag(const HostArgs& args) {
  const Tensor& diagonal = args.in[0];
  Diagonals d = diagonals_of(args, args.in[1]);
  const int rank = diagonal.shape().rank();
  const int inner = d.count() == 1 ? 1 : 2;
  if (rank < inner || (inner == 2 && diagonal.shape()[rank - 2] != d.count())) {
    fail(ErrorCode::invalid_argument,
         "The number of diagonals provided in the input does not match the lower_diag_index and "
         "upper_diag_index range.");
  }
  const std::int64_t width = diagonal.shape()[rank - 1];
  set_size(d, width, integer(args.in[2], "num_rows"), integer(args.in[3], "num_cols"));
  expect_inside(d);
  Tensor y = batched(diagonal.dtype(), leading_dims(diagonal, inner), {d.rows, d.cols});
  const Elements kind(diagonal.dtype());
  kind.fill(args.in[4], y);
  each_element(d, product(diagonal.shape(), 0, rank - inner), width,
               [&](std::int64_t to, std::int64_t from) { kind.copy(diagonal, from, y, to); });
  return {std::move(y)};
}

// (x [..., M, N], k, padding) -> ([..., K, L] or [..., L])
Results matrix_diag_part(const HostArgs& args) {
  const Tensor& x = args.in[0];
  Diagonals d = diagonals_of(args, args.in[1]);
  d.rows = rows_of(x);
  d.cols = cols_of(x);
  expect_inside(d);
  const std::int64_t width = d.longest();
  Tensor y = d.count() == 1 ? batched(x.dtype(), leading_dims(x, 2), {width})
                            : batched(x.dtype(), leading_dims(x, 2), {d.count(), width});
  const Elements kind(x.dtype());
  kind.fill(args.in[2], y);
  each_element(d, matrix_count(x), width,
               [&](std::int64_t from, std::int64_t to) { kind.copy(x, from, y, to); });
  return {std::move(y)};
}

// (x [..., M, N], diagonal, k) -> ([..., M, N])
Results matrix_set_diag(const HostArgs& args) {
  const Tensor &x = args.in[0], &diagonal = args.in[1];
  Diagonals d = diagonals_of(args, args.in[2]);
  d.rows = rows_of(x);
  d.cols = cols_of(x);
  expect_inside(d);
  std::vector<std::int64_t> expected = leading_dims(x, 2);
  if (d.count() > 1) expected.push_back(d.count());
  expected.push_back(d.longest());
  if (diagonal.shape() != Shape(expected)) {
    fail(ErrorCode::invalid_argument, "expected diagonals {}, found {}",
         Shape(expected).to_string(), diagonal.shape().to_string());
  }
  Tensor y = x.clone();
  const Elements kind(x.dtype());
  each_element(d, matrix_count(x), d.longest(),
               [&](std::int64_t to, std::int64_t from) { kind.copy(diagonal, from, y, to); });
  return {std::move(y)};
}

}  // namespace thaw::host
