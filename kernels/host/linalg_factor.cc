// LU, QR and singular values.
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "kernels/host/linalg.h"

namespace thaw::host {
namespace {

template <class Int>
void store_permutation(const Eigen::PermutationMatrix<Eigen::Dynamic>& permutation, Index at,
                       Tensor& p) {
  Int* out = mutable_elements<Int>(p) + at * permutation.size();
  for (Index i = 0; i < permutation.size(); ++i) {
    out[i] = static_cast<Int>(permutation.indices()[i]);
  }
}

// Both triangles in one matrix, and the permutation p with x[p[i]] = (L U)[i].
template <class T>
Results lu_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  const DType index_type = args.out[1].dtype;
  Tensor y(x.dtype(), x.shape());
  Tensor p = batched(index_type, leading_dims(x, 2), {rows_of(x)});
  for (Index i = 0; i < matrix_count(x) && rows_of(x) > 0; ++i) {
    const Eigen::PartialPivLU<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> factors(
        matrix_at<T>(x, i));
    if (!(factors.matrixLU().diagonal().cwiseAbs().minCoeff() > Real<T>(0))) {
      fail(ErrorCode::invalid_argument, "Input is not invertible.");
    }
    matrix_at<T>(y, i) = factors.matrixLU();
    const Eigen::PermutationMatrix<Eigen::Dynamic> permutation(factors.permutationP().transpose());
    if (index_type == DType::int32) {
      store_permutation<std::int32_t>(permutation, i, p);
    } else {
      store_permutation<std::int64_t>(permutation, i, p);
    }
  }
  return {std::move(y), std::move(p)};
}

template <class T>
Results qr_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Index m = rows_of(x), n = cols_of(x);
  const Index k = args.call.attributes.flag("full_matrices") ? m : std::min(m, n);
  Tensor q = batched(x.dtype(), leading_dims(x, 2), {m, k});
  Tensor r = batched(x.dtype(), leading_dims(x, 2), {k, n});
  for (Index i = 0; i < matrix_count(x); ++i) {
    if (n == 0 || m == 0) {
      matrix_at<T>(q, i).setIdentity();
      continue;
    }
    const Eigen::HouseholderQR<Matrix<T>> factors(matrix_at<T>(x, i));
    matrix_at<T>(q, i) = factors.householderQ() * Matrix<T>::Identity(m, k);
    matrix_at<T>(r, i) = factors.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
  }
  return {std::move(q), std::move(r)};
}

template <class T>
void svd_one(const ConstMatrixMap<T>& x, Tensor& s, Tensor* u, Tensor* v, bool full, Index i) {
  const Index rank = std::min(x.rows(), x.cols());
  if (rank == 0) {
    if (u != nullptr) matrix_at<T>(*u, i).setIdentity();
    if (v != nullptr) matrix_at<T>(*v, i).setIdentity();
    return;
  }
  unsigned options = 0;
  if (u != nullptr) {
    options = full ? Eigen::ComputeFullU | Eigen::ComputeFullV
                   : Eigen::ComputeThinU | Eigen::ComputeThinV;
  }
  T* values = mutable_elements<T>(s) + i * rank;
  const bool finite = x.allFinite();
  Eigen::BDCSVD<Matrix<T>> svd;
  if (finite) svd.compute(x, options);
  if (!finite || svd.info() != Eigen::Success) {
    std::fill(values, values + rank, not_a_number<T>());
    if (u != nullptr) matrix_at<T>(*u, i).fill(not_a_number<T>());
    if (v != nullptr) matrix_at<T>(*v, i).fill(not_a_number<T>());
    return;
  }
  for (Index k = 0; k < rank; ++k) values[k] = T(svd.singularValues()[k]);
  if (u != nullptr) matrix_at<T>(*u, i) = svd.matrixU();
  if (v != nullptr) matrix_at<T>(*v, i) = svd.matrixV();
}

template <class T>
Results svd_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Index m = rows_of(x), n = cols_of(x), k = std::min(m, n);
  const bool full = args.call.attributes.flag("full_matrices");
  const std::vector<std::int64_t> batch = leading_dims(x, 2);
  Results results{batched(x.dtype(), batch, {k})};
  const bool vectors = args.call.attributes.flag("compute_uv");
  if (vectors) {
    results.push_back(batched(x.dtype(), batch, {m, full ? m : k}));
    results.push_back(batched(x.dtype(), batch, {n, full ? n : k}));
  }
  for (Index i = 0; i < matrix_count(x); ++i) {
    svd_one<T>(matrix_at<T>(x, i), results[0], vectors ? &results[1] : nullptr,
               vectors ? &results[2] : nullptr, full, i);
  }
  return results;
}

}  // namespace

Results lu(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return lu_of<typename decltype(tag)::type>(wide);
  });
}
Results qr(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return qr_of<typename decltype(tag)::type>(wide);
  });
}
Results svd(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return svd_of<typename decltype(tag)::type>(wide);
  });
}

}  // namespace thaw::host
