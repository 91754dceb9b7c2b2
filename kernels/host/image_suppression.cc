// Non-maximum suppression: boxes by falling score, without those that overlap a better one.
#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "kernels/host/image.h"

namespace thaw::host {

float intersection_over_union(const float* a, const float* b) {
  const float top_a = std::min(a[0], a[2]), left_a = std::min(a[1], a[3]);
  const float bottom_a = std::max(a[0], a[2]), right_a = std::max(a[1], a[3]);
  const float top_b = std::min(b[0], b[2]), left_b = std::min(b[1], b[3]);
  const float bottom_b = std::max(b[0], b[2]), right_b = std::max(b[1], b[3]);
  const float area_a = (bottom_a - top_a) * (right_a - left_a);
  const float area_b = (bottom_b - top_b) * (right_b - left_b);
  if (area_a <= 0 || area_b <= 0) return 0;
  const float height = std::max(std::min(bottom_a, bottom_b) - std::max(top_a, top_b), 0.0F);
  const float width = std::max(std::min(right_a, right_b) - std::max(left_a, left_b), 0.0F);
  return height * width / (area_a + area_b - height * width);
}

namespace {

/// A number of T after each operation, so that 16-bit scores tie as TensorFlow's do.
template <class T>
Compute<T> rounded(Compute<T> value) {
  return load(store<T>(value));
}

template <class C>
struct Candidate {
  std::int64_t box;
  C score;
  std::size_t compared;  // with so many of the selected ones
};

/// The best candidate is the largest: the higher score, then the lower number.
template <class C>
struct Worse {
  bool operator()(const Candidate<C>& a, const Candidate<C>& b) const {
    return a.score < b.score || (a.score == b.score && a.box > b.box);
  }
};

template <class C>
struct Thresholds {
  C overlap, score, sigma;
};

template <class C>
struct Selection {
  std::vector<std::int64_t> boxes;
  std::vector<C> scores;
};

/// Selects up to `most` boxes; similarity(i, j) of two boxes.
template <class T, class Similarity>
Selection<Compute<T>> select(const T* scores, std::int64_t count, std::int64_t most,
                             const Thresholds<Compute<T>>& limits, const Similarity& similarity) {
  using C = Compute<T>;
  std::priority_queue<Candidate<C>, std::deque<Candidate<C>>, Worse<C>> queue;
  for (std::int64_t i = 0; i < count; ++i) {
    if (load(scores[i]) > limits.score) queue.push({i, load(scores[i]), 0});
  }
  const bool soft = limits.sigma > 0;
  const C scale = soft ? rounded<T>(C(-0.5) / limits.sigma) : C(0);
  Selection<C> selected;
  while (static_cast<std::int64_t>(selected.boxes.size()) < most && !queue.empty()) {
    Candidate<C> next = queue.top();
    queue.pop();
    const C original = next.score;
    bool suppressed = false;
    for (std::size_t j = selected.boxes.size(); j-- > next.compared;) {
      const C overlap = rounded<T>(static_cast<C>(similarity(next.box, selected.boxes[j])));
      if (!soft && overlap > limits.overlap) {
        suppressed = true;
        break;
      }
      if (soft || !(overlap <= limits.overlap)) {
        const C weight =
            soft ? rounded<T>(std::exp(rounded<T>(rounded<T>(scale * overlap) * overlap))) : C(0);
        next.score = rounded<T>(next.score * weight);
      }
      if (next.score <= limits.score) break;
    }
    next.compared = selected.boxes.size();
    if (suppressed) continue;
    if (next.score == original) {
      selected.boxes.push_back(next.box);
      selected.scores.push_back(next.score);
    } else if (next.score > limits.score) {
      queue.push(next);  // weaker now: others may come first
    }
  }
  return selected;
}

template <class T>
std::vector<Tensor> suppress(const HostArgs& args) {
  using C = Compute<T>;
  const Tensor &boxes = args.in[0], &scores = args.in[1];
  const std::int64_t count = scores.num_elements(), most = integer(args.in[2], "max_output_size");
  const Thresholds<C> limits{rounded<T>(static_cast<C>(real(args.in[3], "iou_threshold"))),
                             rounded<T>(static_cast<C>(real(args.in[4], "score_threshold"))),
                             rounded<T>(static_cast<C>(real(args.in[5], "soft_nms_sigma")))};
  if (most < 0) invalid("max_output_size: expected no negative number, found {}", most);
  if (limits.sigma < 0) invalid("soft_nms_sigma: expected no negative number");
  std::vector<float> corners(static_cast<std::size_t>(boxes.num_elements()));
  for_floats(boxes.dtype(), [&](auto tag) {
    const auto* from = elements<TypeOf<decltype(tag)>>(boxes);
    for (std::size_t i = 0; i < corners.size(); ++i) corners[i] = static_cast<float>(load(from[i]));
  });
  Selection<C> selected;
  if (args.call.attributes.flag("overlaps")) {
    selected =
        select(elements<T>(scores), count, most, limits, [&](std::int64_t i, std::int64_t j) {
          return corners[static_cast<std::size_t>(i * count + j)];
        });
  } else {
    if (!(limits.overlap >= 0 && limits.overlap <= 1)) {
      invalid("iou_threshold: expected a number in [0, 1], found {}", limits.overlap);
    }
    selected =
        select(elements<T>(scores), count, most, limits, [&](std::int64_t i, std::int64_t j) {
          return intersection_over_union(corners.data() + i * 4, corners.data() + j * 4);
        });
  }
  const auto valid = static_cast<std::int64_t>(selected.boxes.size());
  const std::int64_t size = args.call.attributes.flag("pad") ? most : valid;
  Tensor indices = allocate(DType::int32, {size}), weights = allocate(scores.dtype(), {size});
  for (std::int64_t i = 0; i < valid; ++i) {
    const auto at = static_cast<std::size_t>(i);
    indices.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(selected.boxes[at]);
    mutable_elements<T>(weights)[i] = store<T>(selected.scores[at]);
  }
  return {indices, weights, integer_tensor(DType::int32, {}, {valid})};
}

}  // namespace

// (boxes [n, 4] or overlaps [n, n], scores [n], max_output_size, iou_threshold, score_threshold,
//  soft_nms_sigma) -> (indices, scores, number of valid ones)
std::vector<Tensor> non_max_suppression(const HostArgs& args) {
  return for_floats(args.in[1].dtype(),
                    [&](auto tag) { return suppress<TypeOf<decltype(tag)>>(args); });
}

}  // namespace thaw::host
