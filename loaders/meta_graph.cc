#include "loaders/meta_graph.h"

#include <algorithm>
#include <filesystem>

#include "loaders/source/file_tree.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::string_view kStateFile = "checkpoint";
constexpr std::uint64_t kLongestState = 1 << 24;

bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

// "a\tb\101" of protobuf text.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    const char c = text[++i];
    if (c >= '0' && c <= '7') {
      int code = 0;
      for (int k = 0; k < 3 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++k, ++i) {
        code = code * 8 + (text[i] - '0');
      }
      --i;
      plain += static_cast<char>(code);
    } else {
      plain += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
  }
  return plain;
}

// The file name of the newest checkpoint. Its folder may have been moved since it was written.
std::string latest(const Bytes& state) {
  constexpr std::string_view kField = "model_checkpoint_path:";
  const std::string_view text = state.text();
  std::size_t at = text.find(kField);
  if (at != 0) at = text.find(std::string("\n") + std::string(kField));
  if (state.size() > kLongestState || at == text.npos) {
    fail(ErrorCode::data_loss, "{}: no line 'model_checkpoint_path'", printable(state.name, 1024));
  }
  const std::size_t begin = text.find('"', at);
  std::size_t end = begin == text.npos ? begin : begin + 1;
  while (end < text.size() && text[end] != '"' && text[end] != '\n')
    end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size() || text[end] != '"') {
    fail(ErrorCode::data_loss, "{}: 'model_checkpoint_path' is no string",
         printable(state.name, 1024));
  }
  const std::string path = unescape(text.substr(begin + 1, end - begin - 1));
  return path.substr(path.find_last_of("/\\") + 1);
}

std::optional<MetaGraphPlace> with_meta(MetaGraphPlace place) {
  place.meta = place.prefix + ".meta";
  if (place.prefix.empty() || !is_file(place.folder + "/" + place.meta)) return std::nullopt;
  return place;
}

}  // namespace

MetaGraphPlace split_checkpoint(const std::string& path) {
  const std::filesystem::path whole(path);
  MetaGraphPlace place;
  place.folder = whole.has_parent_path() ? whole.parent_path().string() : ".";
  place.prefix = whole.filename().string();
  for (const std::string_view ending : {".index", ".meta"}) {
    if (place.prefix.ends_with(ending)) place.prefix.resize(place.prefix.size() - ending.size());
  }
  const std::size_t data = place.prefix.rfind(".data-");
  if (data != std::string::npos) place.prefix.resize(data);
  return place;
}

std::optional<MetaGraphPlace> find_meta_graph(const FileTree& tree) {
  const std::string state(kStateFile);
  if (!tree.contains(state)) return std::nullopt;
  MetaGraphPlace place;
  place.prefix = latest(tree.read(state));
  place.meta = place.prefix + ".meta";
  if (place.prefix.empty() || !tree.contains(place.meta)) return std::nullopt;
  return place;
}

std::optional<MetaGraphPlace> find_meta_graph(const std::string& path, const Limits& limits) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    for (const char* other : {"saved_model.pb", "saved_model.pbtxt", "config.json"}) {
      if (is_file(path + "/" + other)) return std::nullopt;
    }
    const std::string state = path + "/" + std::string(kStateFile);
    if (!is_file(state)) return std::nullopt;
    return with_meta({path, "", latest(read_file(state, limits))});
  }
  MetaGraphPlace place = split_checkpoint(path);
  if (place.prefix == kStateFile && is_file(path)) {
    return with_meta({place.folder, "", latest(read_file(path, limits))});
  }
  const auto found = with_meta(std::move(place));
  // The file itself may be something else that merely has such a neighbour.
  const bool named = path.ends_with(".meta") || path.ends_with(".index") || !is_file(path) ||
                     path.find(".data-") != path.npos;
  if (!found || named) return found;
  const Bytes file = read_file(path, limits);
  return sniff(file.data, file.data) == FileKind::sstable ? found : std::nullopt;
}

}  // namespace thaw
