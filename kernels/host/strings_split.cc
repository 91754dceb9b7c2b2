// Splitting and n-grams.
#include <algorithm>

#include "kernels/host/strings.h"
#include "runtime/base/unicode.h"

namespace thaw::host {
namespace {

using Parts = std::vector<std::string_view>;

// Python's str.split: with a separator, empty parts stay; without, runs of blanks separate.
Parts split_text(std::string_view text, std::string_view separator, std::int64_t most) {
  if (most == 0) return {text};
  Parts parts;
  const auto full = [&] { return most > 0 && static_cast<std::int64_t>(parts.size()) == most; };
  if (separator.empty()) {
    const auto skip = [&] {
      while (!text.empty() && unicode::is_ascii_space(text.front())) text.remove_prefix(1);
    };
    for (skip(); !text.empty();) {
      const auto* end = std::find_if(text.begin(), text.end(), unicode::is_ascii_space);
      parts.push_back(text.substr(0, static_cast<std::size_t>(end - text.begin())));
      text.remove_prefix(parts.back().size());
      skip();
      if (full()) {
        parts.push_back(text);
        break;
      }
    }
    return parts;
  }
  for (std::size_t at = text.find(separator); at != std::string_view::npos && !full();
       at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

// Every byte of `delimiters` separates; without any, every byte is a part.
Parts split_bytes(std::string_view text, std::string_view delimiters, bool skip_empty) {
  Parts parts;
  if (delimiters.empty()) {
    for (std::size_t i = 0; i < text.size(); ++i) parts.push_back(text.substr(i, 1));
    return parts;
  }
  if (text.empty()) return parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(delimiters, begin), text.size());
    if (end > begin || !skip_empty) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// A sparse matrix of the parts: indices, values, dense shape.
Results as_sparse(const std::vector<Parts>& rows) {
  std::int64_t total = 0, widest = 0;
  for (const Parts& row : rows) {
    total += static_cast<std::int64_t>(row.size());
    widest = std::max(widest, static_cast<std::int64_t>(row.size()));
  }
  Tensor indices(DType::int64, Shape{total, 2}), values(DType::string, Shape{total});
  auto* index = indices.mutable_data<std::int64_t>();
  auto* value = values.mutable_data<std::string>();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      *index++ = static_cast<std::int64_t>(row);
      *index++ = static_cast<std::int64_t>(column);
      *value++ = std::string(rows[row][column]);
    }
  }
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(rows.size()), widest};
  return {indices, values, Tensor::from(Shape{2}, shape)};
}

struct NGrams {
  std::string separator, left, right;
  std::int64_t pad = 0;  // -1: as wide as the n-gram allows
  std::int64_t bytes = 0;

  std::int64_t padding(std::int64_t width) const {
    return std::min(pad < 0 ? width - 1 : pad, width - 1);
  }
  std::int64_t count(std::int64_t length, std::int64_t width) const {
    return std::max<std::int64_t>(0, length + 2 * padding(width) - width + 1);
  }

  // The n-grams of one row, appended to `out`.
  void add(const std::string* data, std::int64_t count_of_row, std::int64_t width,
           std::vector<std::string>& out) {
    const std::int64_t around = padding(width);
    for (std::int64_t i = 0; i < count_of_row; ++i) {
      const std::int64_t before = std::max<std::int64_t>(0, around - i);
      const std::int64_t behind = std::max<std::int64_t>(0, around - (count_of_row - i - 1));
      const std::int64_t tokens = std::max<std::int64_t>(0, width - before - behind);
      const std::int64_t first = before > 0 ? 0 : i - around;
      std::string text;
      bool started = false;
      const auto put = [&](const std::string& part) {
        bytes += static_cast<std::int64_t>(part.size() + separator.size()) + 1;
        if (bytes > kMaxTextBytes) {
          fail(ErrorCode::resource_exhausted, "n-grams of more than {} bytes", kMaxTextBytes);
        }
        if (started) text += separator;
        text += part;
        started = true;
      };
      for (std::int64_t k = 0; k < before; ++k) put(left);
      for (std::int64_t k = 0; k < tokens; ++k) put(data[first + k]);
      for (std::int64_t k = 0; k < behind; ++k) put(right);
      bytes += static_cast<std::int64_t>(sizeof(std::string));
      out.push_back(std::move(text));
    }
  }
};

}  // namespace

Results string_split(const HostArgs& args) {
  if (args.in[1].num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "sep must be a scalar, got shape: {}",
         args.in[1].shape().to_string());
  }
  const std::string& separator = strings_of(args.in[1])[0];
  const std::int64_t most = args.call.attributes.integer("maxsplit");
  std::vector<Parts> rows;
  for (std::int64_t i = 0; i < args.in[0].num_elements(); ++i) {
    rows.push_back(split_text(strings_of(args.in[0])[i], separator, most));
  }
  return as_sparse(rows);
}

Results string_split_set(const HostArgs& args) {
  if (args.in[1].num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "delimiter must be a scalar, got shape: {}",
         args.in[1].shape().to_string());
  }
  const bool skip_empty = args.call.attributes.flag("skip_empty");
  std::vector<Parts> rows;
  for (std::int64_t i = 0; i < args.in[0].num_elements(); ++i) {
    rows.push_back(split_bytes(strings_of(args.in[0])[i], strings_of(args.in[1])[0], skip_empty));
  }
  return as_sparse(rows);
}

Results string_ngrams(const HostArgs& args) {
  const Attributes& attributes = args.call.attributes;
  const Tensor &data = args.in[0], &splits = args.in[1];
  check_splits(splits, data.num_elements());
  NGrams ngrams{attributes.text("separator"), attributes.text("left_pad"),
                attributes.text("right_pad"), attributes.integer("pad_width")};
  const bool keep_short = attributes.flag("preserve_short_sequences");
  Tensor out_splits(splits.dtype(), splits.shape());
  std::vector<std::string> out;
  for (std::int64_t row = 0; row + 1 < splits.num_elements() && data.num_elements() > 0; ++row) {
    const std::int64_t begin = index_at(splits, row);
    const std::int64_t length = index_at(splits, row + 1) - begin;
    const std::string* first = strings_of(data) + begin;
    const std::size_t before = out.size();
    for (const std::int64_t width : attributes.ints("ngram_widths")) {
      ngrams.add(first, ngrams.count(length, width), width, out);
    }
    if (keep_short && out.size() == before && length > 0) {
      if (ngrams.pad < 0) {
        fail(ErrorCode::invalid_argument,
             "Pad width should be >= 0 when preserve_short_sequences is True and ngram_widths are "
             "not provided, got {}",
             ngrams.pad);
      }
      ngrams.add(first, 1, length + 2 * ngrams.pad, out);
    }
    set_index(out_splits, row + 1, static_cast<std::int64_t>(out.size()));
  }
  return {Tensor::from(Shape{static_cast<std::int64_t>(out.size())}, out), out_splits};
}

}  // namespace thaw::host
