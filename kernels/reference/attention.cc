// Attention: for every query step the scores of all key steps, their softmax, and the values that
// it weighs.
#include <algorithm>
#include <cmath>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

/// Where element [batch][head][step] of an operand begins.
struct HeadStrides {
  std::int64_t start = 0, batch = 0, head = 0, step = 0;
  std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t s) const {
    return start + b * batch + h * head + s * step;
  }
};

HeadStrides head_strides(const Shape& shape, std::int64_t width, std::int64_t column) {
  const Ints strides = row_major_strides(shape);
  if (shape.rank() == 4) return {0, strides[0], strides[1], strides[2]};
  return {column, strides[0], width, strides[1]};
}

struct AttentionSite {
  ops::Attention op;
  HeadStrides q, k, v, y;
  std::int64_t batch = 0, rows = 0, steps = 0;
  DType mask_type = DType::float32;
  Ints mask;  // strides along [B, heads, T, S]; empty: no mask
};

AttentionSite attention_site(const Site& site) {
  AttentionSite a;
  a.op = site.op_as<ops::Attention>();
  a.q = head_strides(site.in[0].shape, a.op.key_width, a.op.query_at);
  a.k = head_strides(site.in[1].shape, a.op.key_width, a.op.key_at);
  a.v = head_strides(site.in[2].shape, a.op.value_width, a.op.value_at);
  a.y = head_strides(site.out[0].shape, a.op.value_width, 0);
  a.batch = site.out[0].shape[0];
  a.rows = site.out[0].shape[1];
  a.steps = site.in[1].shape[site.in[1].shape.rank() - 2];
  if (site.in.size() > 3) {
    a.mask_type = site.in[3].dtype;
    a.mask = broadcast_strides(site.in[3].shape, Shape{a.batch, a.op.heads, a.rows, a.steps});
  }
  return a;
}

template <class T>
double masked_score(const AttentionSite& a, const View& mask, std::int64_t at, double score) {
  if (a.mask_type != DType::boolean) return score + static_cast<double>(load(mask.as<T>()[at]));
  if (mask.as<bool>()[at]) return score;
  return a.op.lowers ? score + a.op.masked : a.op.masked;
}

/// One row of one head: `scores` has room for all steps.
template <class T>
void attend(const AttentionSite& a, const Args& args, std::int64_t b, std::int64_t h,
            std::int64_t t, double* scores) {
  const std::int64_t from = h / (a.op.heads / a.op.key_heads);
  const T* q = args.in[0].as<T>() + a.q.at(b, h, t);
  double largest = -HUGE_VAL, sum = 0;
  for (std::int64_t s = 0; s < a.steps; ++s) {
    const T* k = args.in[1].as<T>() + a.k.at(b, from, s);
    double score = 0;
    for (std::int64_t d = 0; d < a.op.key_width; ++d) score += load_wide(q[d]) * load_wide(k[d]);
    score *= a.op.scale;
    if (!a.mask.empty()) {
      const std::int64_t at = b * a.mask[0] + h * a.mask[1] + t * a.mask[2] + s * a.mask[3];
      score = masked_score<T>(a, args.in[3], at, score);
    }
    scores[s] = score;
    if (score > largest || std::isnan(score)) largest = score;
  }
  for (std::int64_t s = 0; s < a.steps; ++s) sum += scores[s] = std::exp(scores[s] - largest);
  T* y = args.out[0].as_mutable<T>() + a.y.at(b, h, t);
  for (std::int64_t e = 0; e < a.op.value_width; ++e) {
    double value = 0;
    for (std::int64_t s = 0; s < a.steps; ++s) {
      value += scores[s] / sum * load_wide(args.in[2].as<T>()[a.v.at(b, from, s) + e]);
    }
    y[e] = store<T>(value);
  }
}

}  // namespace

KernelPtr prepare_attention(const Site& site) {
  const AttentionSite a = attention_site(site);
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto run = [a](const Args& args) {
      auto* scores = reinterpret_cast<double*>(args.workspace);
      for (std::int64_t b = 0; b < a.batch; ++b) {
        for (std::int64_t h = 0; h < a.op.heads; ++h) {
          for (std::int64_t t = 0; t < a.rows; ++t) attend<T>(a, args, b, h, t, scores);
        }
      }
    };
    return make_kernel(run, static_cast<std::size_t>(a.steps) * sizeof(double));
  });
}

}  // namespace thaw::reference
