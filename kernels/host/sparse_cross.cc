// Crossed features: every combination of one value per column, as a joined string or as a hash.
#include <algorithm>

#include "kernels/host/hash.h"
#include "kernels/host/sparse.h"

namespace thaw::host {
namespace {

enum class Cross { text, hash, keyed_hash };

/// The values of one feature, per example: rows [first[b], first[b + 1]) of `values`.
struct Column {
  const Tensor* values;
  bool sparse;
  Ints first;

  std::int64_t count(std::int64_t b) const {
    return first[static_cast<std::size_t>(b) + 1] - first[static_cast<std::size_t>(b)];
  }
};

struct Salt {
  bool strong = false;
  std::uint64_t low = 0, high = 0;
};

Column sparse_column_of(const Tensor& indices, const Tensor& values, const Tensor& shape,
                        std::int64_t batch) {
  const SparseIndices rows(indices, shape, values.num_elements());
  if (rows.rank != 2) invalid("a crossed feature of {} dimensions", rows.rank);
  if (rows.shape[0] != batch) invalid("features of {} and {} examples", batch, rows.shape[0]);
  Column column{&values, true, Ints(static_cast<std::size_t>(batch) + 1, 0)};
  for (std::int64_t i = 0; i < rows.count; ++i) {
    if (i > 0 && rows.row(i)[0] < rows.row(i - 1)[0]) invalid("indices: rows out of order");
    ++column.first[static_cast<std::size_t>(rows.row(i)[0]) + 1];
  }
  for (std::size_t b = 1; b < column.first.size(); ++b) column.first[b] += column.first[b - 1];
  return column;
}

Column dense_column_of(const Tensor& values, std::int64_t batch) {
  if (values.shape()[0] != batch) {
    invalid("features of {} and {} examples", batch, values.shape()[0]);
  }
  Column column{&values, false, {}};
  for (std::int64_t b = 0; b <= batch; ++b) column.first.push_back(b * values.shape()[1]);
  return column;
}

std::string text_of(const Column& column, std::int64_t at) {
  if (column.values->dtype() == DType::string) return elements<std::string>(*column.values)[at];
  return std::to_string(elements<std::int64_t>(*column.values)[at]);
}

/// TensorFlow hashes the first four bytes of an integer, whose size it takes for that of a type's
/// number.
std::string_view hashed_bytes(const std::int64_t& number) {
  return {reinterpret_cast<const char*>(&number), 4};
}

std::uint64_t hash_of(const Column& column, std::int64_t at, Cross cross, const Salt& salt) {
  if (column.values->dtype() == DType::string) {
    const std::string& text = elements<std::string>(*column.values)[at];
    return salt.strong ? sip_hash_2_4(text, salt.low, salt.high) : farm_fingerprint64(text);
  }
  const std::int64_t& number = elements<std::int64_t>(*column.values)[at];
  if (salt.strong) fail(ErrorCode::unimplemented, "a strong hash of integers");
  const bool keyed = cross == Cross::keyed_hash && column.sparse;
  return keyed ? farm_fingerprint64(hashed_bytes(number)) : static_cast<std::uint64_t>(number);
}

/// What all combinations of one call share.
struct Settings {
  Cross cross = Cross::text;
  std::string separator;
  std::int64_t buckets = 0;
  std::uint64_t key = 0;
  Salt salt;
};

/// Positions of one value per column; `at` are their rows in the columns.
std::string join(const Settings& settings, const std::vector<Column>& columns, const Ints& at) {
  std::string joined;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) joined += settings.separator;
    joined += text_of(columns[i], at[i]);
  }
  return joined;
}

std::int64_t hash(const Settings& settings, const std::vector<Column>& columns, const Ints& at) {
  const bool keyed = settings.cross == Cross::keyed_hash;
  std::uint64_t value =
      keyed ? hash_of(columns[0], at[0], settings.cross, settings.salt) : settings.key;
  for (std::size_t i = keyed ? 1 : 0; i < columns.size(); ++i) {
    value = join_fingerprints(value, hash_of(columns[i], at[i], settings.cross, settings.salt));
  }
  const std::int64_t modulus = settings.buckets > 0 ? settings.buckets : INT64_MAX;
  return static_cast<std::int64_t>(value % static_cast<std::uint64_t>(modulus));
}

/// Calls body(rows in the columns) for every combination in example b; the last column turns first.
template <class Body>
void each_combination(const std::vector<Column>& columns, std::int64_t b, const Body& body) {
  Ints at;
  for (const Column& column : columns) {
    if (column.count(b) == 0) return;
    at.push_back(column.first[static_cast<std::size_t>(b)]);
  }
  for (;;) {
    body(at);
    std::size_t i = columns.size();
    while (i-- > 0) {
      if (++at[i] < columns[i].first[static_cast<std::size_t>(b) + 1]) break;
      at[i] = columns[i].first[static_cast<std::size_t>(b)];
      if (i == 0) return;
    }
  }
}

std::vector<Column> columns_of(const HostArgs& args, std::size_t sparse, std::size_t dense,
                               std::int64_t& batch) {
  if (sparse + dense == 0) invalid("no features to cross");
  batch = sparse > 0 ? integers(args.in[2 * sparse]).at(0) : args.in[0].shape()[0];
  std::vector<Column> columns;
  for (std::size_t i = 0; i < sparse; ++i) {
    columns.push_back(
        sparse_column_of(args.in[i], args.in[sparse + i], args.in[2 * sparse + i], batch));
  }
  for (std::size_t i = 0; i < dense; ++i) {
    columns.push_back(dense_column_of(args.in[3 * sparse + i], batch));
  }
  return columns;
}

Settings settings_of(const HostArgs& args, std::size_t next) {
  const Attributes& attributes = args.call.attributes;
  Settings settings;
  settings.cross = static_cast<Cross>(attributes.integer("kind"));
  settings.separator = attributes.text("separator");
  settings.buckets = attributes.integer("num_buckets");
  settings.key = static_cast<std::uint64_t>(attributes.integer("hash_key"));
  if (settings.cross == Cross::keyed_hash) {
    settings.buckets = integer(args.in[next], "num_buckets");
    settings.salt.strong = args.in[next + 1].data<bool>()[0];
    const Ints salt = integers(args.in[next + 2]);
    if (salt.size() != 2) invalid("salt: expected 2 numbers, found {}", salt.size());
    settings.salt.low = static_cast<std::uint64_t>(salt[0]);
    settings.salt.high = static_cast<std::uint64_t>(salt[1]);
  } else if (next < args.in.size()) {
    settings.separator = args.in[next].data<std::string>()[0];
  }
  return settings;
}

}  // namespace

// (indices..., values..., shapes..., dense..., [separator] | [num_buckets, strong_hash, salt]) ->
// (indices, values, shape)
std::vector<Tensor> sparse_cross(const HostArgs& args) {
  const auto sparse = static_cast<std::size_t>(args.call.attributes.integer("sparse"));
  const auto dense = static_cast<std::size_t>(args.call.attributes.integer("dense"));
  std::int64_t batch = 0;
  const std::vector<Column> columns = columns_of(args, sparse, dense, batch);
  const Settings settings = settings_of(args, 3 * sparse + dense);
  Ints rows, hashes;
  std::vector<std::string> texts;
  std::int64_t longest = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    std::int64_t number = 0;
    each_combination(columns, b, [&](const Ints& at) {
      rows.push_back(b);
      rows.push_back(number++);
      if (settings.cross == Cross::text) {
        texts.push_back(join(settings, columns, at));
      } else {
        hashes.push_back(hash(settings, columns, at));
      }
    });
    longest = std::max(longest, number);
  }
  const auto count = static_cast<std::int64_t>(rows.size()) / 2;
  Tensor values = settings.cross == Cross::text ? Tensor::from(Shape{count}, texts)
                                                : integer_tensor(DType::int64, {count}, hashes);
  return {index_tensor(rows, 2), values, integer_tensor(DType::int64, {2}, {batch, longest})};
}

}  // namespace thaw::host
