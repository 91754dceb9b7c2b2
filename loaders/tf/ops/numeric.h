// Importers of linear algebra, transforms, special functions, random numbers and bits.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf {

/// Adds a host function of the node's operands. 16-bit floats among them are computed as float32
/// where the function takes no others.
Results add_host_call(OpContext& c, const char* function, Attributes attributes, int outputs);
Results add_wide_host_call(OpContext& c, const char* function, Attributes attributes, int outputs);

/// Where the generator of a stateful random op starts; nothing for an op without a seed.
std::optional<Tensor> random_counter(const NodeView& node);
/// Imports a stateful random op, which draws from where `counter` stands (kNoValue: from a seed of
/// its own each time); `next`: where it ends.
Results stateful_random(OpContext& c, ValueId counter, ValueId& next);
/// Draws from a generator whose state is the node's first operand; `next`: its state afterwards.
Results draw_from_generator(OpContext& c, ValueId& next);

}  // namespace thaw::tf

namespace thaw::tf::importers {

// linalg.cc
Results cholesky(OpContext& c);
Results matrix_inverse(OpContext& c);
Results matrix_determinant(OpContext& c);
Results log_matrix_determinant(OpContext& c);
Results matrix_solve(OpContext& c);
Results matrix_triangular_solve(OpContext& c);
Results matrix_solve_ls(OpContext& c);
Results banded_triangular_solve(OpContext& c);
Results tridiagonal_solve(OpContext& c);
Results tridiagonal_matmul(OpContext& c);
Results lu(OpContext& c);
Results qr(OpContext& c);
Results svd(OpContext& c);
Results self_adjoint_eig(OpContext& c);
Results eig(OpContext& c);
Results matrix_square_root(OpContext& c);
Results matrix_exponential(OpContext& c);
Results matrix_logarithm(OpContext& c);
Results cross(OpContext& c);

// linalg_diag.cc
Results matrix_diagonal(OpContext& c);
Results matrix_diag_part(OpContext& c);
Results matrix_set_diag(OpContext& c);
Results diag(OpContext& c);
Results diag_part(OpContext& c);

// bits.cc
Results bitcast(OpContext& c);
Results complex_part(OpContext& c);
Results complex(OpContext& c);
Results conjugate_transpose(OpContext& c);
Results population_count(OpContext& c);
Results next_after(OpContext& c);
Results compare_and_bitpack(OpContext& c);

// quantize.cc
Results quantize_and_dequantize(OpContext& c);
Results fake_quant(OpContext& c);

// signal.cc
Results fft(OpContext& c);
Results rfft(OpContext& c);
Results fft_nd(OpContext& c);
Results rfft_nd(OpContext& c);
Results audio_spectrogram(OpContext& c);
Results mfcc(OpContext& c);
Results decode_wav(OpContext& c);

// special.cc
Results special_function(OpContext& c);
Results cumulative_logsumexp(OpContext& c);

// random.cc: kind is the distribution
Results stateless_random(OpContext& c);
Results stateless_random_v2(OpContext& c);
Results random_key_counter(OpContext& c);
Results random_algorithm(OpContext& c);
Results stateless_shuffle(OpContext& c);
Results stateless_multinomial(OpContext& c);
Results stateless_gamma(OpContext& c);
Results stateless_gamma_v3(OpContext& c);
Results stateless_poisson(OpContext& c);
Results stateless_binomial(OpContext& c);

}  // namespace thaw::tf::importers
