// Connectionist temporal classification: labels from the scores of each step.
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>

#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

using Labels = std::vector<std::int64_t>;

struct Sizes {
  std::int64_t steps, batch, classes;
};

/// inputs [T, B, C] and the lengths [B], checked.
Sizes sizes_of(const HostArgs& args, const Ints& lengths) {
  const Shape& shape = args.in[0].shape();
  const Sizes sizes{shape[0], shape[1], shape[2]};
  if (args.in[0].num_elements() == 0) invalid("inputs: expected elements, found none");
  for (const std::int64_t length : lengths) {
    if (length > sizes.steps) {
      invalid("sequence_length: expected at most {}, found {}", sizes.steps, length);
    }
  }
  return sizes;
}

/// One sparse matrix: row b holds the labels of sequence b.
void append_decoded(const std::vector<Labels>& sequences, std::vector<Tensor>& indices,
                    std::vector<Tensor>& values, std::vector<Tensor>& shapes) {
  Ints rows, labels;
  std::size_t longest = 0;
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    longest = std::max(longest, sequences[b].size());
    for (std::size_t t = 0; t < sequences[b].size(); ++t) {
      rows.push_back(static_cast<std::int64_t>(b));
      rows.push_back(static_cast<std::int64_t>(t));
      labels.push_back(sequences[b][t]);
    }
  }
  indices.push_back(index_tensor(rows, 2));
  values.push_back(
      integer_tensor(DType::int64, {static_cast<std::int64_t>(labels.size())}, labels));
  shapes.push_back(integer_tensor(
      DType::int64, {2},
      {static_cast<std::int64_t>(sequences.size()), static_cast<std::int64_t>(longest)}));
}

/// Log-probabilities of a labelling at one step: all paths, those that end in a blank, in a label.
template <class C>
struct Probability {
  static constexpr C kZero = -std::numeric_limits<C>::infinity();
  C total = kZero, blank = kZero, label = kZero;
};

template <class C>
C log_sum(C a, C b) {
  const C high = std::max(a, b), low = std::min(a, b);
  if (low == Probability<C>::kZero) return high;
  return high + std::log1p(std::exp(low - high));
}

/// A labelling: its last label and the one before.
template <class C>
struct Beam {
  Beam* parent = nullptr;
  std::int64_t label = -1;
  Probability<C> previous, current;
  std::map<std::int64_t, Beam*> children;
  bool active() const { return current.total != Probability<C>::kZero; }
};

template <class C>
class BeamSearch {
 public:
  BeamSearch(std::int64_t width, std::int64_t classes)
      : width_(static_cast<std::size_t>(width)), blank_(classes - 1) {
    Beam<C>& root = beams_.emplace_back();
    root.current.total = root.current.blank = 0;
    push(root);
  }

  /// `scores` of all classes; the last one is the blank.
  void step(const std::vector<C>& scores) {
    const C offset = log_normaliser(scores);
    const std::vector<Beam<C>*> branches = best();
    leaves_.clear();
    for (Beam<C>* beam : branches) beam->previous = beam->current;
    for (Beam<C>* beam : branches) {
      stay(*beam, scores, offset);
      push(*beam);
    }
    for (Beam<C>* beam : branches) {
      if (!is_candidate(beam->previous.total)) continue;
      for (std::int64_t label = 0; label < blank_; ++label) {
        grow(*beam, label, scores[static_cast<std::size_t>(label)] - offset);
      }
    }
  }

  /// The leaves, most probable first.
  std::vector<Beam<C>*> best() const {
    std::vector<Beam<C>*> beams;
    for (const auto& leaf : leaves_) beams.push_back(leaf.beam);
    return beams;
  }

  static Labels labels_of(const Beam<C>* beam, bool merge_repeated) {
    Labels labels;
    std::int64_t later = -1;
    for (; beam->parent != nullptr; beam = beam->parent) {
      if (!merge_repeated || beam->label != later) labels.push_back(beam->label);
      later = beam->label;
    }
    std::reverse(labels.begin(), labels.end());
    return labels;
  }

 private:
  struct Leaf {
    C total;
    std::uint64_t number;  // the earlier of two equals stands in front
    Beam<C>* beam;
    bool operator<(const Leaf& other) const {
      return total != other.total ? total > other.total : number < other.number;
    }
  };

  static C log_normaliser(const std::vector<C>& scores) {
    const C largest = *std::max_element(scores.begin(), scores.end());
    C sum = 0;
    for (const C score : scores) sum += std::exp(score - largest);
    return largest + std::log(sum);
  }

  void push(Beam<C>& beam) { leaves_.insert({beam.current.total, number_++, &beam}); }

  bool is_candidate(C total) const {
    return total > Probability<C>::kZero &&
           (leaves_.size() < width_ || total > std::prev(leaves_.end())->total);
  }

  /// The labelling stays as it is: a blank follows, or its last label again.
  void stay(Beam<C>& beam, const std::vector<C>& scores, C offset) {
    if (beam.parent != nullptr) {
      if (beam.parent->active()) {
        const Probability<C>& before = beam.parent->previous;
        const C from = beam.label == beam.parent->label ? before.blank : before.total;
        beam.current.label = log_sum(beam.current.label, from);
      }
      beam.current.label += scores[static_cast<std::size_t>(beam.label)] - offset;
    }
    beam.current.blank = beam.previous.total + scores[static_cast<std::size_t>(blank_)] - offset;
    beam.current.total = log_sum(beam.current.blank, beam.current.label);
  }

  /// The labelling with one label more, unless it is there already or not good enough.
  void grow(Beam<C>& beam, std::int64_t label, C score) {
    const auto found = beam.children.find(label);
    if (found != beam.children.end() && found->second->active()) return;
    const C from = label == beam.label ? beam.previous.blank : beam.previous.total;
    Probability<C> grown;
    grown.label = grown.total = score + from;
    if (!is_candidate(grown.total)) {
      if (found != beam.children.end()) found->second->previous = found->second->current = {};
      return;
    }
    Beam<C>* child = found == beam.children.end() ? &beams_.emplace_back() : found->second;
    beam.children[label] = child;
    child->parent = &beam;
    child->label = label;
    child->current = grown;
    if (leaves_.size() == width_) {
      const auto worst = std::prev(leaves_.end());
      worst->beam->current = {};
      leaves_.erase(worst);
    }
    push(*child);
  }

  std::size_t width_;
  std::int64_t blank_;
  std::uint64_t number_ = 0;
  std::deque<Beam<C>> beams_;  // addresses stay
  std::set<Leaf> leaves_;
};

template <class T>
std::vector<Tensor> search(const HostArgs& args, const Ints& lengths, const Sizes& sizes) {
  using C = Compute<T>;
  const std::size_t paths = (args.out.size() - 1) / 3;
  const std::int64_t width = args.call.attributes.integer("beam_width");
  const bool merge = args.call.attributes.flag("merge_repeated");
  std::vector<std::vector<Labels>> sequences(paths, std::vector<Labels>(lengths.size()));
  Tensor probability =
      allocate(args.in[0].dtype(), {sizes.batch, static_cast<std::int64_t>(paths)});
  std::vector<C> scores(static_cast<std::size_t>(sizes.classes));
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    BeamSearch<C> beams(width, sizes.classes);
    for (std::int64_t t = 0; t < lengths[b]; ++t) {
      const T* row = elements<T>(args.in[0]) +
                     (t * sizes.batch + static_cast<std::int64_t>(b)) * sizes.classes;
      for (std::size_t k = 0; k < scores.size(); ++k) scores[k] = load(row[k]);
      beams.step(scores);
    }
    const std::vector<Beam<C>*> best = beams.best();
    if (best.size() < paths) invalid("top_paths: asked for {}, found {}", paths, best.size());
    for (std::size_t p = 0; p < paths; ++p) {
      sequences[p][b] = BeamSearch<C>::labels_of(best[p], merge);
      mutable_elements<T>(probability)[b * paths + p] = store<T>(best[p]->current.total);
    }
  }
  std::vector<Tensor> indices, values, shapes;
  for (const auto& path : sequences) append_decoded(path, indices, values, shapes);
  indices.insert(indices.end(), values.begin(), values.end());
  indices.insert(indices.end(), shapes.begin(), shapes.end());
  indices.push_back(probability);
  return indices;
}

}  // namespace

// (inputs [T, B, C], lengths [B]) -> (indices, values, shape, -log probability [B, 1])
std::vector<Tensor> ctc_greedy_decoder(const HostArgs& args) {
  const Ints lengths = integers(args.in[1]);
  const Sizes sizes = sizes_of(args, lengths);
  std::int64_t blank = args.call.attributes.integer("blank_index");
  if (blank < 0) blank += sizes.classes;
  if (blank < 0 || blank >= sizes.classes) invalid("blank_index: {} of {}", blank, sizes.classes);
  const bool merge = args.call.attributes.flag("merge_repeated");
  std::vector<Labels> sequences(lengths.size());
  Tensor probability = allocate(args.in[0].dtype(), {sizes.batch, 1});
  for_floats(probability.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for (std::size_t b = 0; b < lengths.size(); ++b) {
      Compute<T> total = 0;
      std::int64_t before = -1;
      for (std::int64_t t = 0; t < lengths[b]; ++t) {
        const T* row = elements<T>(args.in[0]) +
                       (t * sizes.batch + static_cast<std::int64_t>(b)) * sizes.classes;
        std::int64_t best = 0;
        for (std::int64_t k = 1; k < sizes.classes; ++k) {
          if (load(row[k]) > load(row[best])) best = k;
        }
        total -= load(row[best]);
        if (best != blank && !(merge && best == before)) sequences[b].push_back(best);
        before = best;
      }
      mutable_elements<T>(probability)[b] = store<T>(total);
    }
  });
  std::vector<Tensor> indices, values, shapes;
  append_decoded(sequences, indices, values, shapes);
  return {indices[0], values[0], shapes[0], probability};
}

// (inputs [T, B, C], lengths [B]) -> (indices..., values..., shapes..., log probability [B, paths])
std::vector<Tensor> ctc_beam_search_decoder(const HostArgs& args) {
  const Ints lengths = integers(args.in[1]);
  const Sizes sizes = sizes_of(args, lengths);
  return for_floats(args.in[0].dtype(),
                    [&](auto tag) { return search<TypeOf<decltype(tag)>>(args, lengths, sizes); });
}

}  // namespace thaw::host
