// Edit distances between the sequences of two sparse tensors.
#include <algorithm>
#include <map>

#include "kernels/host/keys.h"
#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

/// The positions of the values of each sequence: all but the last number of an index name it.
std::map<Ints, Ints> sequences_of(const SparseIndices& at) {
  std::map<Ints, Ints> sequences;
  for (std::int64_t i = 0; i < at.count; ++i) {
    const std::int64_t* row = at.row(i);
    sequences[Ints(row, row + at.rank - 1)].push_back(i);
  }
  return sequences;
}

template <class T>
std::int64_t edit_distance_of(const T* a, const Ints& from, const T* b, const Ints& to) {
  Ints row(to.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<std::int64_t>(j);
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::int64_t diagonal = row[0];
    row[0] = static_cast<std::int64_t>(i) + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const bool same = load(a[from[i]]) == load(b[to[j]]);
      const std::int64_t swapped = diagonal + (same ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({swapped, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

template <class Make>
void for_comparable(DType dtype, const Make& make) {
  if (dtype == DType::string) return make(Tag<std::string>{});
  if (dtype == DType::boolean) return make(Tag<std::uint8_t>{});
  for_numbers(dtype, make);
}

}  // namespace

// (hypothesis, truth), each as indices, values, shape -> float32 [the shape but its last dimension]
std::vector<Tensor> edit_distance(const HostArgs& args) {
  const SparseIndices hypothesis(args.in[0], args.in[2], args.in[1].num_elements());
  const SparseIndices truth(args.in[3], args.in[5], args.in[4].num_elements());
  if (hypothesis.rank != truth.rank || truth.rank < 2) {
    invalid("sparse tensors of rank {} and {}, expected the same of at least 2", hypothesis.rank,
            truth.rank);
  }
  Ints dims;
  for (std::size_t i = 0; i + 1 < truth.rank; ++i) {
    dims.push_back(std::max(hypothesis.shape[i], truth.shape[i]));
  }
  const bool normalize = args.call.attributes.flag("normalize");
  Tensor y = allocate(args.out[0].dtype, dims);
  std::fill_n(static_cast<unsigned char*>(y.mutable_data()), y.size_bytes(), 0);
  const std::map<Ints, Ints> found = sequences_of(hypothesis), wanted = sequences_of(truth);
  const auto set = [&](const Ints& place, double distance, std::size_t length) {
    if (normalize) {
      distance = length > 0 ? distance / static_cast<double>(length)
                            : std::numeric_limits<double>::infinity();
    }
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) offset = offset * dims[i] + place[i];
    for_floats(y.dtype(), [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      mutable_elements<T>(y)[offset] = store<T>(distance);
    });
  };
  for_comparable(args.in[1].dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T *a = elements<T>(args.in[1]), *b = elements<T>(args.in[4]);
    for (const auto& [place, positions] : wanted) {
      const auto match = found.find(place);
      const Ints none;
      const Ints& guess = match == found.end() ? none : match->second;
      set(place, static_cast<double>(edit_distance_of(b, positions, a, guess)), positions.size());
    }
  });
  for (const auto& [place, positions] : found) {
    if (!wanted.contains(place)) set(place, static_cast<double>(positions.size()), 0);
  }
  return {std::move(y)};
}

}  // namespace thaw::host
