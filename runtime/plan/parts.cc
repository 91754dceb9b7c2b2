#include "runtime/plan/parts.h"

#include <algorithm>
#include <optional>

#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

// Lines of memory come in pairs: who reads rows of one line with a line between them fetches twice
// as much, which costs more than the copy. Measured where a pooling reads a skip connection.
constexpr std::size_t kLeastRowBytes = 128;

/// An operand or a result of a launch.
struct Use {
  std::size_t launch, index;
};

std::int64_t count_of(const Shape& shape, int first, int end) {
  std::int64_t count = 1;
  for (int axis = first; axis < end; ++axis) count *= shape[axis];
  return count;
}

int axis_of(std::int64_t axis, const Shape& shape) {
  return static_cast<int>(axis < 0 ? axis + shape.rank() : axis);
}

/// Indices [begin, begin + size) of a dense tensor as rows; nothing if they are not evenly apart.
std::optional<Part> block_of(const Shape& whole, const std::vector<std::int64_t>& begin,
                             const Shape& size) {
  Part part;
  std::int64_t step = 1;
  int last = -1;  // axis of which only a part is taken
  for (int axis = whole.rank() - 1; axis >= 0; --axis) {
    const std::int64_t first = begin[static_cast<std::size_t>(axis)];
    if (first < 0 || first > whole[axis] - size[axis]) return std::nullopt;
    part.offset += first * step;
    step *= whole[axis];
    if (size[axis] == whole[axis]) continue;
    if (last < 0) {
      last = axis;
    } else if (count_of(size, 0, axis + 1) != 1) {
      return std::nullopt;
    }
  }
  if (last < 0 || size.num_elements() == 0 || count_of(size, 0, last) == 1) return part;
  part.columns = count_of(size, last, size.rank());
  part.pitch = count_of(whole, last, whole.rank());
  return part;
}

/// `inner`, of `count` elements inside of a tensor that is itself `outer`.
std::optional<Part> inside(const Part& outer, Part inner, std::int64_t count) {
  inner.holder = outer.holder;
  if (outer.pitch == 0) {
    inner.offset += outer.offset;
    return inner;
  }
  const std::int64_t row = inner.offset / outer.columns, column = inner.offset % outer.columns;
  const std::int64_t width = inner.pitch == 0 ? count : inner.columns;
  inner.offset = outer.offset + row * outer.pitch + column;
  if (inner.pitch == 0 && column + width <= outer.columns) return inner;
  if (inner.pitch == 0 && column == 0 && count % outer.columns == 0) {
    inner.columns = outer.columns;
    inner.pitch = outer.pitch;
    return inner;
  }
  if (inner.pitch != outer.columns || column + width > outer.columns) return std::nullopt;
  inner.pitch = outer.pitch;
  return inner;
}

class Finder {
 public:
  Finder(const PartSite& site, const std::vector<bool>& excluded)
      : site_(site), graph_(site.graph), excluded_(excluded) {
    parts_.of.resize(graph_.values.size());
    for (std::size_t i = 0; i < parts_.of.size(); ++i) {
      parts_.of[i].holder = static_cast<ValueId>(i);
    }
    parts_.in_place.assign(site.launches.size(), false);
  }

  Parts run() {
    if (!has_work()) return finished();
    index_uses();
    // A Concat of Concats comes first: where it lies decides where its parts do.
    for (std::size_t i = site_.launches.size(); i-- > 0;) {
      if (const auto* concat = op_at<ops::Concat>(i)) join(i, *concat);
    }
    for (std::size_t i = 0; i < site_.launches.size(); ++i) take_apart(i);
    return finished();
  }

 private:
  template <class T>
  const T* op_at(std::size_t launch) const {
    const NodeId node = site_.launches[launch].node;
    return node == kNoNode ? nullptr : std::get_if<T>(&graph_.nodes[at(node)].op);
  }
  const Shape& shape_of(ValueId value) const { return graph_.values[at(value)].type.shape; }
  ValueId root(ValueId value) const { return site_.roots[at(value)]; }
  bool is_part(ValueId value) const { return parts_.of[at(value)].holder != value; }

  bool has_work() const {
    for (std::size_t i = 0; i < site_.launches.size(); ++i) {
      if (op_at<ops::Concat>(i) || op_at<ops::Split>(i) || op_at<ops::Unstack>(i) ||
          op_at<ops::Slice>(i) || op_at<ops::StridedSlice>(i)) {
        return true;
      }
    }
    return false;
  }

  void index_uses() {
    readers_.resize(graph_.values.size());
    writers_.resize(graph_.values.size());
    for (std::size_t i = 0; i < site_.launches.size(); ++i) {
      const Launch& launch = site_.launches[i];
      for (std::size_t k = 0; k < launch.in.size(); ++k) {
        readers_[at(root(launch.in[k]))].push_back({i, k});
      }
      for (std::size_t k = 0; k < launch.out.size(); ++k) writers_[at(launch.out[k])] = Use{i, k};
    }
  }

  bool is_long(ValueId value, const Part& part) const {
    const std::size_t size = size_of(graph_.values[at(value)].type.dtype);
    return static_cast<std::size_t>(part.columns) * size >= kLeastRowBytes;
  }

  /// Whether all but `except` can read the value where `part` says.
  bool can_be_read(ValueId value, const Part& part, std::size_t except) const {
    return part.pitch == 0 ||
           std::all_of(readers_[at(value)].begin(), readers_[at(value)].end(), [&](const Use& use) {
             return use.launch == except ||
                    (is_long(value, part) &&
                     site_.kernels[use.launch]->reads_rows(use.index, part.columns));
           });
  }

  bool can_be_written(ValueId value, const Part& part) const {
    const std::optional<Use>& writer = writers_[at(value)];
    return writer && (part.pitch == 0 ||
                      site_.kernels[writer->launch]->writes_rows(writer->index, part.columns));
  }

  /// Operand `index` of a Concat from `start` on along its axis.
  std::optional<Part> place_in(std::size_t launch, int axis, std::size_t index,
                               std::int64_t start) const {
    const Launch& join = site_.launches[launch];
    const ValueId value = root(join.in[index]), whole = join.out[0];
    const auto once = std::count_if(join.in.begin(), join.in.end(),
                                    [&](ValueId other) { return root(other) == value; });
    const bool excluded = !excluded_.empty() && excluded_[at(value)];
    if (excluded || once != 1 || is_part(value) || !site_.movable[at(value)]) return std::nullopt;
    std::vector<std::int64_t> begin(static_cast<std::size_t>(shape_of(whole).rank()), 0);
    begin[static_cast<std::size_t>(axis)] = start;
    const Shape& shape = shape_of(join.in[index]);
    const std::optional<Part> block = block_of(shape_of(whole), begin, shape);
    if (!block) return std::nullopt;
    std::optional<Part> part = inside(parts_.of[at(whole)], *block, shape.num_elements());
    if (!part || !can_be_written(value, *part) || !can_be_read(value, *part, launch)) {
      return std::nullopt;
    }
    return part;
  }

  void join(std::size_t launch, const ops::Concat& concat) {
    const Launch& join = site_.launches[launch];
    const ValueId whole = join.out[0];
    if (!site_.readable[at(whole)]) return;
    const int axis = axis_of(concat.axis, shape_of(whole));
    std::vector<std::optional<Part>> found;
    std::int64_t start = 0;
    bool all = true;
    for (std::size_t i = 0; i < join.in.size(); ++i) {
      const Shape& shape = shape_of(join.in[i]);
      found.push_back(place_in(launch, axis, i, start));
      all = all && (found.back() || shape.num_elements() == 0);
      start += shape[axis];
    }
    // A step that copies the rest leaves the others alone, if its kernel can.
    for (std::size_t i = 0; !all && i < found.size(); ++i) {
      if (found[i] && !site_.kernels[launch]->reads_rows(i, columns_of(join.in[i], axis))) return;
    }
    bool any = false;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!found[i]) continue;
      found[i]->node = join.node;
      parts_.of[at(root(join.in[i]))] = *found[i];
      any = true;
    }
    if (any) parts_.joined.push_back(join.node);
    parts_.in_place[launch] = all;
  }

  std::int64_t columns_of(ValueId value, int axis) const {
    return count_of(shape_of(value), axis, shape_of(value).rank());
  }

  /// Where the results of a node that only takes blocks out of its operand 0 lie in it.
  std::vector<std::optional<Part>> blocks_of(std::size_t launch) const {
    const Launch& step = site_.launches[launch];
    const Shape& whole = step.in.empty() ? Shape{} : shape_of(step.in[0]);
    std::vector<std::int64_t> begin(static_cast<std::size_t>(whole.rank()), 0);
    std::vector<std::optional<Part>> blocks;
    const auto along = [&](std::int64_t given, bool drops) {
      const int axis = axis_of(given, whole);
      for (ValueId result : step.out) {
        Shape size = whole;
        size[axis] = drops ? 1 : shape_of(result)[axis];
        blocks.push_back(block_of(whole, begin, size));
        begin[static_cast<std::size_t>(axis)] += size[axis];
      }
    };
    if (const auto* split = op_at<ops::Split>(launch)) {
      along(split->axis, false);
    } else if (const auto* unstack = op_at<ops::Unstack>(launch)) {
      along(unstack->axis, true);
    } else if (op_at<ops::Slice>(launch) != nullptr) {
      blocks.push_back(block_of(whole, ints_of(step.in[1]), shape_of(step.out[0])));
    } else if (const auto* slice = op_at<ops::StridedSlice>(launch)) {
      const DenseSlice dense =
          dense_slice(whole, *slice, ints_of(step.in[1]), ints_of(step.in[2]), ints_of(step.in[3]));
      const bool plain = std::all_of(dense.stride.begin(), dense.stride.end(),
                                     [](std::int64_t stride) { return stride == 1; });
      if (plain) blocks.push_back(block_of(whole, dense.begin, Shape(dense.size)));
    }
    return blocks;
  }

  std::vector<std::int64_t> ints_of(ValueId value) const {
    return to_ints(*constant_of(graph_, value));
  }

  void take_apart(std::size_t launch) {
    std::vector<std::optional<Part>> found = blocks_of(launch);
    const Launch& step = site_.launches[launch];
    if (found.empty() || !site_.readable[at(root(step.in[0]))]) return;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const ValueId value = step.out[i];
      const std::int64_t count = shape_of(value).num_elements();
      if (!found[i] || is_part(value) || !site_.movable[at(value)]) return;
      found[i] = inside(parts_.of[at(root(step.in[0]))], *found[i], count);
      if (!found[i] || !can_be_read(value, *found[i], launch)) return;
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i]->node = step.node;
      parts_.of[at(step.out[i])] = *found[i];
    }
    parts_.in_place[launch] = true;
  }

  Parts finished() {
    for (std::size_t i = 0; i < parts_.of.size(); ++i) parts_.of[i] = parts_.of[at(site_.roots[i])];
    return std::move(parts_);
  }

  const PartSite& site_;
  const Graph& graph_;
  const std::vector<bool>& excluded_;
  std::vector<std::vector<Use>> readers_;    // per root
  std::vector<std::optional<Use>> writers_;  // per root
  Parts parts_;
};

}  // namespace

Parts find_parts(const PartSite& site, const std::vector<bool>& excluded) {
  return Finder(site, excluded).run();
}

}  // namespace thaw
