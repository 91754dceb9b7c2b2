// MatMul on float32 over the packed GEMM. Constant weights are packed once; a variable right
// operand is packed into the workspace on each run. Parallel over row and column blocks of all
// products.
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

/// One product of the batch: offsets of its operands in elements.
struct Product {
  std::int64_t a, b, c;
};

struct Plan {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;  // strides
  std::vector<Product> products;
  std::int64_t b_count = 0;  // distinct right operands, each k * n
};

/// The leading dimensions of every product of the batch, right-aligned as numpy broadcasts.
std::vector<Product> batch_products(const Shape& a, const Shape& b, const Shape& c) {
  const int batch = c.rank() - 2;
  std::vector<Product> products;
  const std::int64_t count = product(c, 0, batch);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, at[2] = {0, 0}, size[2] = {1, 1};
    for (int axis = batch - 1; axis >= 0; --axis) {
      const std::int64_t index = rest % c[axis];
      rest /= c[axis];
      const Shape* operands[2] = {&a, &b};
      for (int o = 0; o < 2; ++o) {
        const int own = axis - (c.rank() - operands[o]->rank());
        if (own < 0) continue;
        const std::int64_t dim = (*operands[o])[own];
        if (dim != 1) at[o] += index * size[o];
        size[o] *= dim;
      }
    }
    products.push_back({at[0], at[1], i});
  }
  return products;
}

Plan plan_of(const ops::MatMul& op, const Shape& a, const Shape& b, const Shape& c) {
  Plan p;
  const int ra = a.rank(), rb = b.rank();
  p.m = c[c.rank() - 2];
  p.n = c[c.rank() - 1];
  p.k = op.transpose_a ? a[ra - 2] : a[ra - 1];
  p.a_row = op.transpose_a ? 1 : p.k;
  p.a_column = op.transpose_a ? p.m : 1;
  p.b_row = op.transpose_b ? 1 : p.n;
  p.b_column = op.transpose_b ? p.k : 1;
  p.b_count = product(b, 0, rb - 2);
  if (p.b_count == 1 && !op.transpose_a && product(a, 0, ra - 2) == product(c, 0, c.rank() - 2)) {
    p.m *= product(c, 0, c.rank() - 2);  // one tall product instead of many
    p.products = {{0, 0, 0}};
  } else {
    p.products = batch_products(a, b, c);
  }
  return p;
}

class MatMulKernel final : public Kernel {
 public:
  MatMulKernel(const ops::MatMul& op, Plan plan, std::shared_ptr<const PackedWeights> packed,
               bool bias, std::int64_t a_count)
      : activation_(op.activation),
        plan_(std::move(plan)),
        packed_(std::move(packed)),
        has_bias_(bias),
        transpose_a_(op.transpose_a),
        a_count_(a_count),
        packed_size_(packed_size(plan_.k, plan_.n)) {
    b_bytes_ = packed_ ? 0 : align_up(static_cast<std::size_t>(packed_size_ * plan_.b_count) * 4);
    const std::size_t a_bytes = transpose_a_ ? static_cast<std::size_t>(a_count_) * 4 : 0;
    workspace_ = b_bytes_ + a_bytes;
  }

  const char* name() const override { return "cpu packed matmul"; }
  OperandUse use(std::size_t operand) const override {
    return packed_ != nullptr && operand == 1 ? OperandUse::nothing : OperandUse::elements;
  }

  bool reads_rows(std::size_t operand, std::int64_t columns) const override {
    return operand == 0 && columns == plan_.k && !transpose_a_;
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override { return columns == plan_.n; }

  void run(const Args& args) const override {
    const void* packed = packed_ == nullptr ? pack_right(args) : packed_->data();
    const float* a = args.in[0].as<float>();
    if (transpose_a_) a = transpose_left(args);

    const std::int64_t per_product = gemm_tasks(plan_.m, plan_.n);
    const auto count = static_cast<std::int64_t>(plan_.products.size());
    const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    float* c = args.out[0].as_mutable<float>();
    parallel(args, count * per_product, gemm_cost(plan_.m, plan_.k),
             [&](std::int64_t begin, std::int64_t end) {
               while (begin < end) {
                 const std::int64_t index = begin / per_product, first = begin % per_product;
                 const std::int64_t last = std::min(per_product, first + end - begin);
                 gemm(product_of(args, index, a, packed, bias, c), first, last);
                 begin += last - first;
               }
             });
  }

 private:
  Gemm product_of(const Args& args, std::int64_t index, const float* a, const void* packed,
                  const float* bias, float* c) const {
    const std::int64_t a_stride = transpose_a_ ? plan_.k : args.in[0].row_stride(plan_.k);
    const Product& at = plan_.products[static_cast<std::size_t>(index)];
    Gemm g;
    g.a = a + at.a * plan_.m * a_stride;
    g.inner_rows = plan_.m;
    g.row_stride = a_stride;
    g.segment_length = plan_.k;
    if (packed_ != nullptr) {
      g.storage = packed_->storage;
      if (packed_->scales() != nullptr) {
        g.scales = packed_->scales() + at.b * gemm_blocks(plan_.k, plan_.n).columns;
      }
    }
    g.packed = element_at(packed, g.storage, at.b * packed_size_);
    g.bias = bias;
    g.c_stride = args.out[0].row_stride(plan_.n);
    g.c = c + at.c * plan_.m * g.c_stride;
    g.m = plan_.m;
    g.n = plan_.n;
    g.activation = activation_;
    return g;
  }

  const float* pack_right(const Args& args) const {
    float* packed = reinterpret_cast<float*>(args.workspace);
    const float* b = args.in[1].as<float>();
    const std::int64_t blocks = ceil_div(plan_.n, gemm_columns());
    parallel(args, plan_.b_count * blocks, plan_.k * gemm_columns(),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t matrix = i / blocks, block = i % blocks;
                 pack_matrix(b + matrix * plan_.k * plan_.n, plan_.k, plan_.n, plan_.b_row,
                             plan_.b_column, packed + matrix * packed_size_, block, block + 1);
               }
             });
    return packed;
  }

  const float* transpose_left(const Args& args) const {
    float* to = reinterpret_cast<float*>(args.workspace + b_bytes_);
    const float* from = args.in[0].as<float>();
    const std::int64_t size = plan_.m * plan_.k;
    if (size == 0) return to;
    parallel(args, a_count_ / plan_.k, plan_.k, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {  // row of the transposed matrix
        const std::int64_t matrix = row / plan_.m, m = row % plan_.m;
        for (std::int64_t k = 0; k < plan_.k; ++k) {
          to[row * plan_.k + k] = from[matrix * size + k * plan_.m + m];
        }
      }
    });
    return to;
  }

  UnaryFn activation_;
  Plan plan_;
  std::shared_ptr<const PackedWeights> packed_;  // null: packed on each run
  bool has_bias_, transpose_a_;
  std::int64_t a_count_, packed_size_;
  std::size_t b_bytes_ = 0;
};

std::shared_ptr<const PackedWeights> packed_columns(const Site& site, const Plan& plan,
                                                    const std::string& layout,
                                                    const std::vector<PackedBlocks>& parts) {
  const std::int64_t size = packed_size(plan.k, plan.n);
  return packed_matrix(site, 1, layout, parts, [&](const float* b, float* to) {
    for (std::int64_t i = 0; i < plan.b_count; ++i) {
      pack_matrix(b + i * plan.k * plan.n, plan.k, plan.n, plan.b_row, plan.b_column, to + i * size,
                  0, ceil_div(plan.n, gemm_columns()));
    }
  });
}

std::shared_ptr<const PackedWeights> packed_rows_of(const Site& site, const Plan& plan,
                                                    const std::string& layout,
                                                    const std::vector<PackedBlocks>& parts) {
  const std::int64_t size = packed_size(plan.k, plan.n);
  const auto pack = [&](const float* b, std::int64_t first, std::int64_t count, float* to) {
    while (count > 0) {  // the rows of all matrices are counted through
      const std::int64_t row = first % plan.k, rows = std::min(count, plan.k - row);
      pack_matrix_rows(b, plan.k, plan.n, plan.n, to + first / plan.k * size, row, rows);
      b += rows * plan.n;
      first += rows;
      count -= rows;
    }
  };
  return packed_matrix(site, 1, layout, parts, plan.b_count * plan.k, pack);
}

}  // namespace

std::unique_ptr<Kernel> prepare_matmul(const Site& site) {
  const auto& op = site.op_as<ops::MatMul>();
  if (!all_float32(site) || !gemm_activation(op.activation)) return nullptr;
  Plan plan = plan_of(op, site.in[0].shape, site.in[1].shape, site.out[0].shape);
  std::shared_ptr<const PackedWeights> packed;
  if (site.constants[1] != nullptr) {
    const std::string layout = layout_name("gemm", {plan.k, plan.n, plan.b_row, float_lanes()});
    const std::vector<PackedBlocks> parts(static_cast<std::size_t>(plan.b_count),
                                          gemm_blocks(plan.k, plan.n));
    packed = op.transpose_b ? packed_columns(site, plan, layout, parts)
                            : packed_rows_of(site, plan, layout, parts);
  }
  return std::make_unique<MatMulKernel>(op, std::move(plan), std::move(packed), site.in.size() > 2,
                                        site.in[0].shape.num_elements());
}

}  // namespace thaw::cpu
