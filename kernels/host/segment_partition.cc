// Rows sent to numbered lists, and put back.
#include "kernels/host/segment.h"

namespace thaw::host {

// (data, partitions) -> (rows of partition 0, 1, ...): partitions has the first dimensions of data.
std::vector<Tensor> dynamic_partition(const HostArgs& args) {
  const Tensor &data = args.in[0], &partitions = args.in[1];
  const int prefix = partitions.shape().rank();
  const std::vector<std::int64_t> ids = integers(partitions);
  const std::int64_t inner = product(data.shape(), prefix, data.shape().rank());
  std::vector<std::int64_t> counts(args.out.size(), 0);
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= static_cast<std::int64_t>(counts.size())) {
      invalid("partitions: expected numbers in [0, {}), found {}", counts.size(), id);
    }
    ++counts[static_cast<std::size_t>(id)];
  }
  std::vector<Tensor> results;
  for (const std::int64_t count : counts) {
    results.push_back(allocate(data.dtype(), dims_after(count, data.shape(), prefix)));
  }
  for_storage(data.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* row = elements<T>(data);
    std::vector<T*> next;
    for (Tensor& result : results) next.push_back(mutable_elements<T>(result));
    for (const std::int64_t id : ids) {
      T*& to = next[static_cast<std::size_t>(id)];
      for (std::int64_t i = 0; i < inner; ++i) *to++ = *row++;
    }
  });
  return results;
}

// (indices..., data...) -> (merged): merged[indices[m][i]] = data[m][i]; the last one wins, rows
// that no index names are zero.
std::vector<Tensor> dynamic_stitch(const HostArgs& args) {
  const std::size_t lists = args.in.size() / 2;
  std::vector<std::vector<std::int64_t>> indices;
  std::int64_t rows = 0;
  for (std::size_t m = 0; m < lists; ++m) {
    indices.push_back(integers(args.in[m]));
    for (const std::int64_t index : indices.back()) {
      if (index < 0) invalid("indices: expected no negative number, found {}", index);
      rows = std::max(rows, index + 1);
    }
  }
  const Shape& first = args.in[lists].shape();
  const int prefix = args.in[0].shape().rank();
  Tensor merged = allocate(args.in[lists].dtype(), dims_after(rows, first, prefix));
  const std::int64_t inner = product(first, prefix, first.rank());
  for_storage(merged.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(merged);
    for (std::size_t m = 0; m < lists; ++m) {
      const T* row = elements<T>(args.in[lists + m]);
      for (const std::int64_t index : indices[m]) {
        for (std::int64_t i = 0; i < inner; ++i) to[index * inner + i] = *row++;
      }
    }
  });
  return {merged};
}

}  // namespace thaw::host
