// The loss of connectionist temporal classification: minus the logarithm of the probability of a
// labelling, over all paths that give it.
#include <algorithm>
#include <cmath>

#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double add_logarithms(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return low == kImpossible ? high : high + std::log1p(std::exp(low - high));
}

struct CtcSettings {
  std::int64_t blank;
  bool collapse, merge, ignore_longer;
};

/// The labels of each sequence of the batch.
std::vector<Ints> labels_of_batch(const HostArgs& args, std::int64_t batch, std::int64_t classes,
                                  const CtcSettings& settings) {
  const Ints at = integers(args.in[1]), values = integers(args.in[2]);
  if (at.size() != 2 * values.size()) {
    invalid("labels: {} indices for {} values", at.size() / 2, values.size());
  }
  std::vector<Ints> labels(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (at[2 * i] < 0 || at[2 * i] >= batch) invalid("labels: index {} of {}", at[2 * i], batch);
    if (values[i] < 0 || values[i] >= classes || values[i] == settings.blank) {
      invalid("labels: found {}, expected a class of {} that is not the blank {}", values[i],
              classes, settings.blank);
    }
    Ints& row = labels[static_cast<std::size_t>(at[2 * i])];
    if (settings.collapse && !row.empty() && row.back() == values[i]) continue;
    row.push_back(values[i]);
  }
  return labels;
}

/// log_probability(t, class); labels without blanks.
template <class Scores>
double log_probability_of(const Ints& labels, std::int64_t steps, const CtcSettings& settings,
                          const Scores& log_probability) {
  Ints path{settings.blank};  // a blank around every label
  for (const std::int64_t label : labels) {
    path.push_back(label);
    path.push_back(settings.blank);
  }
  const std::size_t n = path.size();
  std::vector<double> before(n, kImpossible), now(n);
  before[0] = log_probability(0, path[0]);
  if (n > 1) before[1] = log_probability(0, path[1]);
  for (std::int64_t t = 1; t < steps; ++t) {
    for (std::size_t u = 0; u < n; ++u) {
      const bool blank = path[u] == settings.blank;
      double sum = settings.merge || blank ? before[u] : kImpossible;
      if (u > 0) sum = add_logarithms(sum, before[u - 1]);
      if (u > 1 && !blank && !(settings.merge && path[u] == path[u - 2])) {
        sum = add_logarithms(sum, before[u - 2]);
      }
      now[u] = log_probability(t, path[u]) + sum;
    }
    std::swap(before, now);
  }
  return n > 1 ? add_logarithms(before[n - 1], before[n - 2]) : before[0];
}

}  // namespace

// (scores [T, B, C], labels as indices and values, lengths [B]) -> loss [B]
std::vector<Tensor> ctc_loss(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const std::int64_t steps = x.shape()[0], batch = x.shape()[1], classes = x.shape()[2];
  const Attributes& attributes = args.call.attributes;
  if (classes < 1) invalid("inputs: expected classes, found shape {}", x.shape().to_string());
  const CtcSettings settings{attributes.flag("blank_first") ? 0 : classes - 1,
                             attributes.flag("preprocess_collapse_repeated"),
                             attributes.flag("ctc_merge_repeated"),
                             attributes.flag("ignore_longer_outputs_than_inputs")};
  const Ints lengths = integers(args.in[3]);
  if (static_cast<std::int64_t>(lengths.size()) != batch) {
    invalid("sequence_length: expected {}, found {}", batch, lengths.size());
  }
  const std::vector<Ints> labels = labels_of_batch(args, batch, classes, settings);
  Tensor loss = allocate(x.dtype(), {batch});
  for_floats(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* scores = elements<T>(x);
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t length = lengths[static_cast<std::size_t>(b)];
      const Ints& row = labels[static_cast<std::size_t>(b)];
      const auto needed = static_cast<std::int64_t>(row.size());
      if (length < 0 || length > steps) {
        invalid("sequence_length: expected at most {}, found {}", steps, length);
      }
      if (length > 0 && needed > length && !settings.ignore_longer) {
        invalid("Not enough time for target transition sequence (required: {}, available: {})",
                needed, length);
      }
      double value = 0;
      if (length > 0 && needed <= length) {
        std::vector<double> offsets(static_cast<std::size_t>(length));  // of the softmax
        for (std::int64_t t = 0; t < length; ++t) {
          double all = kImpossible;
          for (std::int64_t c = 0; c < classes; ++c) {
            all = add_logarithms(all, load(scores[(t * batch + b) * classes + c]));
          }
          offsets[static_cast<std::size_t>(t)] = all;
        }
        value = -log_probability_of(row, length, settings, [&](std::int64_t t, std::int64_t c) {
          return load(scores[(t * batch + b) * classes + c]) - offsets[static_cast<std::size_t>(t)];
        });
      }
      mutable_elements<T>(loss)[b] = store<T>(value);
    }
  });
  return {std::move(loss)};
}

}  // namespace thaw::host
