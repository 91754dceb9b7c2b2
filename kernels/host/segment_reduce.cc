// Rows of `data` combined by the segment that each belongs to.
#include <cmath>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

enum class Combine { sum, mean, sqrt_n, prod, max, min };

Combine combine_of(const std::string& kind) {
  if (kind == "sum") return Combine::sum;
  if (kind == "mean") return Combine::mean;
  if (kind == "sqrt_n") return Combine::sqrt_n;
  if (kind == "prod") return Combine::prod;
  if (kind == "max") return Combine::max;
  if (kind == "min") return Combine::min;
  fail(ErrorCode::internal, "segments cannot be combined by '{}'", printable(kind));
}

/// Sums and products: floats in double, integers modulo 2^64. 16-bit floats are rounded after each
/// step, as TensorFlow does it.
template <class T>
using Accumulator =
    std::conditional_t<kIsFloat<T>, double,
                       std::conditional_t<kIsComplex<T>, std::complex<double>, std::uint64_t>>;

/// Which row of `data` goes to which segment; a negative segment drops the row.
struct Plan {
  Combine combine = Combine::sum;
  std::vector<std::int64_t> rows, segments;
  std::int64_t count = 0, inner = 1;
  double empty = 0;  // of a segment without rows
};

template <class T>
Accumulator<T> widen(const T& value) {
  return static_cast<Accumulator<T>>(load(value));
}

template <class T>
Accumulator<T> add(Combine combine, Accumulator<T> total, const T& value) {
  const auto rounded = [](Accumulator<T> sum) {
    if constexpr (kIsHalf<T>) {
      return widen(store<T>(sum));
    } else {
      return sum;
    }
  };
  if (combine == Combine::prod) return rounded(total * widen(value));
  if constexpr (!kIsComplex<T>) {
    // Compared as T: the accumulator of integers is unsigned.
    if (combine == Combine::max) {
      return static_cast<Compute<T>>(total) < load(value) ? widen(value) : total;
    }
    if (combine == Combine::min) {
      return load(value) < static_cast<Compute<T>>(total) ? widen(value) : total;
    }
  }
  return rounded(total + widen(value));
}

template <class T>
T finish(Combine combine, Accumulator<T> total, std::int64_t rows) {
  if constexpr (kIsFloat<T> || kIsComplex<T>) {
    if (combine == Combine::mean) total /= static_cast<double>(rows);
    if (combine == Combine::sqrt_n) total /= std::sqrt(static_cast<double>(rows));
    return store<T>(total);
  } else {
    const T sum = static_cast<T>(total);
    if (combine != Combine::mean) return sum;
    if constexpr (std::is_signed_v<T>) {
      return static_cast<T>(static_cast<std::int64_t>(sum) / rows);
    } else {
      return static_cast<T>(static_cast<std::uint64_t>(sum) / static_cast<std::uint64_t>(rows));
    }
  }
}

template <class T>
T empty_value(double value) {
  if constexpr (kIsComplex<T>) {
    return T(static_cast<typename T::value_type>(value));
  } else if constexpr (kIsFloat<T>) {
    return store<T>(value);
  } else {
    // The limits that floats have; integers have their own.
    if (value < -1) return std::numeric_limits<T>::lowest();
    return value > 1 ? std::numeric_limits<T>::max() : static_cast<T>(value);
  }
}

template <class T>
void reduce_rows(const Plan& plan, const Tensor& data, Tensor& out) {
  const T* from = elements<T>(data);
  T* to = mutable_elements<T>(out);
  const auto inner = static_cast<std::size_t>(plan.inner);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(plan.count), 0);
  std::vector<Accumulator<T>> totals(static_cast<std::size_t>(plan.count) * inner);
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    if (plan.segments[i] < 0) continue;
    const auto segment = static_cast<std::size_t>(plan.segments[i]);
    const T* row = from + static_cast<std::size_t>(plan.rows[i]) * inner;
    Accumulator<T>* total = totals.data() + segment * inner;
    const bool first = counts[segment]++ == 0;
    for (std::size_t j = 0; j < inner; ++j) {
      total[j] = first ? widen(row[j]) : add(plan.combine, total[j], row[j]);
    }
  }
  const T empty = empty_value<T>(plan.empty);
  for (std::size_t segment = 0; segment < counts.size(); ++segment) {
    for (std::size_t j = 0; j < inner; ++j) {
      const std::size_t at = segment * inner + j;
      to[at] = counts[segment] == 0 ? empty : finish<T>(plan.combine, totals[at], counts[segment]);
    }
  }
}

Tensor reduce(const Plan& plan, const Tensor& data, int id_rank) {
  // A single large number among the segments asks for all rows below it.
  constexpr std::int64_t kMostWork = std::int64_t{1} << 30;
  if (plan.inner > 0 && plan.count > kMostWork / plan.inner) {
    fail(ErrorCode::resource_exhausted, "{} segments of {} elements", plan.count, plan.inner);
  }
  Tensor out = allocate(data.dtype(), dims_after(plan.count, data.shape(), id_rank));
  if (out.num_elements() == 0) return out;
  for_numbers(data.dtype(), [&](auto tag) { reduce_rows<TypeOf<decltype(tag)>>(plan, data, out); });
  return out;
}

/// Every row of data, in order.
std::vector<std::int64_t> all_rows(std::size_t count) {
  std::vector<std::int64_t> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = static_cast<std::int64_t>(i);
  return rows;
}

void expect_sorted(const std::vector<std::int64_t>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) invalid("segment_ids: expected no negative number, found {}", ids[i]);
    if (i > 0 && ids[i] < ids[i - 1]) {
      invalid("segment_ids: expected increasing numbers, found {} after {}", ids[i], ids[i - 1]);
    }
  }
}

}  // namespace

std::vector<Tensor> segment_reduce(const HostArgs& args) {
  const Tensor &data = args.in[0], &ids = args.in[1];
  Plan plan;
  plan.combine = combine_of(args.call.attributes.text("kind"));
  plan.segments = integers(ids);
  expect_sorted(plan.segments);
  plan.rows = all_rows(plan.segments.size());
  plan.count = plan.segments.empty() ? 0 : plan.segments.back() + 1;
  plan.inner = product(data.shape(), 1, data.shape().rank());
  plan.empty = plan.combine == Combine::prod ? 1 : 0;
  return {reduce(plan, data, 1)};
}

std::vector<Tensor> unsorted_segment_reduce(const HostArgs& args) {
  const Tensor &data = args.in[0], &ids = args.in[1];
  Plan plan;
  plan.combine = combine_of(args.call.attributes.text("kind"));
  plan.empty = args.call.attributes.real("empty");
  plan.segments = integers(ids);
  plan.rows = all_rows(plan.segments.size());
  plan.count = integer(args.in[2], "num_segments");
  if (plan.count < 0) invalid("num_segments: expected no negative number, found {}", plan.count);
  const int id_rank = ids.shape().rank();
  plan.inner = product(data.shape(), id_rank, data.shape().rank());
  for (const std::int64_t id : plan.segments) {
    if (id >= plan.count)
      invalid("segment_ids: expected numbers below {}, found {}", plan.count, id);
  }
  return {reduce(plan, data, id_rank)};
}

std::vector<Tensor> sparse_segment_reduce(const HostArgs& args) {
  const Tensor& data = args.in[0];
  Plan plan;
  plan.combine = combine_of(args.call.attributes.text("kind"));
  plan.rows = integers(args.in[1]);
  plan.segments = integers(args.in[2]);
  if (plan.rows.size() != plan.segments.size()) {
    invalid("{} indices for {} segment_ids", plan.rows.size(), plan.segments.size());
  }
  expect_sorted(plan.segments);
  for (const std::int64_t row : plan.rows) {
    if (row < 0 || row >= data.shape()[0]) {
      invalid("indices: expected numbers in [0, {}), found {}", data.shape()[0], row);
    }
  }
  plan.count = plan.segments.empty() ? 0 : plan.segments.back() + 1;
  if (args.in.size() == 4) {
    const std::int64_t count = integer(args.in[3], "num_segments");
    if (count < plan.count) {
      invalid("segment_ids: expected numbers below {}, found {}", count, plan.count - 1);
    }
    plan.count = count;
  }
  plan.inner = product(data.shape(), 1, data.shape().rank());
  return {reduce(plan, data, 1)};
}

}  // namespace thaw::host
