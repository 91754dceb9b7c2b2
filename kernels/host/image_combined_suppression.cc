// Non-maximum suppression per image and class, then the best of all classes.
#include <algorithm>
#include <limits>
#include <queue>

#include "kernels/host/image.h"
#include "runtime/ir/infer_util.h"

namespace thaw::host {
namespace {

struct Scored {
  std::int64_t box;
  float score;
};

/// A box that was kept for a class. The default one fills up and is never reported.
struct Detection {
  bool valid = false;
  float score = -std::numeric_limits<float>::infinity();
  std::int64_t label = -1;
  float box[4] = {0, 0, 0, 0};
};

struct Settings {
  std::int64_t boxes = 0, box_classes = 0, classes = 0;
  std::int64_t per_class = 0, rows = 0;
  float overlap = 0, score = 0;
  bool clip = true;
};

/// `detections` has room for per_class boxes.
void suppress_class(const Settings& s, const float* boxes, const float* scores, std::int64_t label,
                    Detection* detections) {
  // Ties come in the order of this very heap.
  const auto worse = [](const Scored& a, const Scored& b) { return a.score < b.score; };
  std::priority_queue<Scored, std::vector<Scored>, decltype(worse)> queue(worse);
  for (std::int64_t i = 0; i < s.boxes; ++i) {
    const float score = scores[i * s.classes + label];
    if (score > s.score) queue.push({i, score});
  }
  const std::int64_t column = s.box_classes > 1 ? label : 0;
  std::int64_t kept = 0;
  while (kept < s.per_class && !queue.empty()) {
    const Scored next = queue.top();
    queue.pop();
    const float* box = boxes + (next.box * s.box_classes + column) * 4;
    bool overlaps = false;
    for (std::int64_t j = kept; j-- > 0 && !overlaps;) {
      overlaps = intersection_over_union(box, detections[j].box) > s.overlap;
    }
    if (overlaps) continue;
    Detection& detection = detections[kept++];
    detection = {true, next.score, label, {box[0], box[1], box[2], box[3]}};
  }
}

std::vector<float> floats(const Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.num_elements()));
  for_floats(tensor.dtype(), [&](auto tag) {
    const auto* from = elements<TypeOf<decltype(tag)>>(tensor);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(load(from[i]));
  });
  return values;
}

/// Rows of results of one image.
template <class T>
std::int64_t write_rows(const Settings& s, std::vector<Detection>& detections, T* boxes, T* scores,
                        T* labels) {
  std::sort(detections.begin(), detections.end(),
            [](const Detection& a, const Detection& b) { return b.score < a.score; });
  const std::int64_t found = std::count_if(detections.begin(), detections.end(),
                                           [](const Detection& d) { return d.valid; });
  const std::int64_t rows = std::min(found, s.rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    const Detection& detection = detections[static_cast<std::size_t>(i)];
    for (int k = 0; k < 4; ++k) {
      const float edge = detection.box[k];
      boxes[i * 4 + k] = s.clip ? std::max(std::min(edge, 1.0F), 0.0F) : edge;
    }
    scores[i] = detection.score;
    labels[i] = static_cast<T>(detection.label);
  }
  return rows;
}

Settings settings_of(const HostArgs& args) {
  const Shape &boxes = args.in[0].shape(), &scores = args.in[1].shape();
  Settings s;
  s.boxes = boxes[1];
  s.box_classes = boxes[2];
  s.classes = scores[2];
  if (s.box_classes != 1 && s.box_classes != s.classes) {
    invalid("boxes: expected 1 or {} classes, found {}", s.classes, s.box_classes);
  }
  const std::int64_t most_per_class = integer(args.in[2], "max_output_size_per_class");
  const std::int64_t most = integer(args.in[3], "max_total_size");
  if (most_per_class <= 0) invalid("max_output_size_per_class: expected a positive number");
  if (most <= 0) invalid("max_total_size: expected a positive number");
  s.overlap = static_cast<float>(real(args.in[4], "iou_threshold"));
  s.score = static_cast<float>(real(args.in[5], "score_threshold"));
  if (!(s.overlap >= 0 && s.overlap <= 1)) {
    invalid("iou_threshold: expected a number in [0, 1], found {}", s.overlap);
  }
  s.per_class = std::min(most_per_class, s.boxes);
  s.rows = most;
  if (args.call.attributes.flag("pad_per_class")) {
    s.rows = std::min(most, inference::checked_mul(most_per_class, s.classes));
  }
  s.clip = args.call.attributes.flag("clip_boxes");
  return s;
}

}  // namespace

// (boxes [N, n, q, 4], scores [N, n, C], max_output_size_per_class, max_total_size, iou_threshold,
//  score_threshold) -> (boxes [N, m, 4], scores [N, m], classes [N, m], valid [N])
std::vector<Tensor> combined_non_max_suppression(const HostArgs& args) {
  const Settings s = settings_of(args);
  const std::int64_t batch = args.in[0].shape()[0];
  const DType dtype = args.in[0].dtype();
  const std::vector<float> boxes = floats(args.in[0]), scores = floats(args.in[1]);
  std::vector<Tensor> results{allocate(dtype, {batch, s.rows, 4}), allocate(dtype, {batch, s.rows}),
                              allocate(dtype, {batch, s.rows}), allocate(DType::int32, {batch})};
  for (std::int64_t n = 0; n < batch; ++n) {
    std::vector<Detection> detections(
        static_cast<std::size_t>(inference::checked_mul(s.per_class, s.classes)));
    for (std::int64_t label = 0; label < s.classes; ++label) {
      suppress_class(s, boxes.data() + n * s.boxes * s.box_classes * 4,
                     scores.data() + n * s.boxes * s.classes, label,
                     detections.data() + label * s.per_class);
    }
    const std::int64_t valid = for_floats(dtype, [&](auto tag) -> std::int64_t {
      using T = TypeOf<decltype(tag)>;
      if constexpr (kIsHalf<T>) {
        wrong_type(dtype);
      } else {
        return write_rows(s, detections, mutable_elements<T>(results[0]) + n * s.rows * 4,
                          mutable_elements<T>(results[1]) + n * s.rows,
                          mutable_elements<T>(results[2]) + n * s.rows);
      }
    });
    results[3].mutable_data<std::int32_t>()[n] = static_cast<std::int32_t>(valid);
  }
  return results;
}

}  // namespace thaw::host
