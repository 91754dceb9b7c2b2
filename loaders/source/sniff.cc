#include <algorithm>
#include <array>

#include "loaders/source/archive.h"
#include "loaders/source/byte_reader.h"
#include "loaders/source/file_tree.h"

namespace thaw {
namespace {

constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kSstable = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
constexpr std::size_t kSstableFooter = 48;

bool is_hdf5(std::string_view head) {
  if (head.starts_with(kHdf5)) return true;
  for (std::size_t offset = 512; offset < head.size(); offset *= 2) {
    if (head.substr(offset).starts_with(kHdf5)) return true;
  }
  return false;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  const auto same = [](char l, char t) { return (t >= 'A' && t <= 'Z' ? t - 'A' + 'a' : t) == l; };
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), same);
}

// The first fields that TensorFlow's text files (GraphDef, SavedModel, MetaGraphDef, checkpoint
// state) begin with. YAML looks alike, so that only known names count.
bool is_protobuf_text(std::string_view text) {
  constexpr std::array<std::string_view, 9> fields = {"node",
                                                      "versions",
                                                      "library",
                                                      "meta_graphs",
                                                      "saved_model_schema_version",
                                                      "meta_info_def",
                                                      "graph_def",
                                                      "input_shape",
                                                      "model_checkpoint_path"};
  const std::size_t end = text.find_first_of(" \t\r\n:{");
  if (end == std::string_view::npos) return false;
  const std::string_view name = text.substr(0, end);
  const std::size_t next = text.find_first_not_of(" \t", end);
  if (next == std::string_view::npos || (text[next] != ':' && text[next] != '{')) return false;
  return std::find(fields.begin(), fields.end(), name) != fields.end();
}

// A member of the top-level mapping that Keras's to_yaml() writes, in all spellings of Python 2:
// class_name: ..., 'class_name': ..., !!python/unicode 'class_name': ...
bool is_yaml_member(std::string_view text) {
  constexpr std::array<std::string_view, 4> members = {"backend", "class_name", "config",
                                                       "keras_version"};
  if (text.starts_with('!')) {
    text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1);
  }
  const bool quoted = text.starts_with('\'');
  if (quoted) text.remove_prefix(1);
  const std::string_view end = quoted ? "':" : ":";
  const auto begins = [&](std::string_view member) {
    return text.starts_with(member) && text.substr(member.size()).starts_with(end);
  };
  return std::any_of(members.begin(), members.end(), begins);
}

bool is_yaml(std::string_view text) {
  while (text.starts_with('#')) {  // comments
    const std::size_t end = std::min(text.find('\n'), text.size());
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n", end), text.size()));
  }
  if (text.starts_with("---\n") || text.starts_with("--- ")) return true;
  // The same mapping in braces: JSON has double quotes there.
  if (text.starts_with('{')) {
    text = text.substr(std::min(text.find_first_not_of(" \t\r\n", 1), text.size()));
  }
  return is_yaml_member(text);
}

}  // namespace

FileKind sniff(std::span<const std::byte> head, std::span<const std::byte> tail) {
  const std::string_view bytes = as_text(head);
  if (bytes.empty()) return FileKind::empty;
  // What stands at the very start wins: a stored HDF5 member of a zip can lie where a user block
  // would end.
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06")) return FileKind::zip;
  if (bytes.starts_with("\x1f\x8b")) return FileKind::gzip;
  if (is_hdf5(bytes)) return FileKind::hdf5;
  if (bytes.starts_with("version https://git-lfs")) return FileKind::git_lfs_pointer;
  if (is_tar(head)) return FileKind::tar;
  const std::string_view end = tail.empty() ? bytes : as_text(tail);
  if (end.size() >= kSstableFooter && end.ends_with(kSstable)) return FileKind::sstable;

  const std::string_view start = bytes.substr(0, 4096);
  const std::string_view text =
      start.substr(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  if (text.empty()) return FileKind::other;
  if (starts_with_ignoring_case(text, "<!doctype html") ||
      starts_with_ignoring_case(text, "<html") || starts_with_ignoring_case(text, "<head") ||
      starts_with_ignoring_case(text, "<?xml")) {
    return FileKind::html;
  }
  if (is_yaml(text)) return FileKind::yaml;
  // A string may hold an architecture: json.dump(model.to_json()).
  if (text.front() == '{' || text.front() == '[' || text.front() == '"') return FileKind::json;
  return is_protobuf_text(text) ? FileKind::protobuf_text : FileKind::other;
}

const char* name_of(FileKind kind) {
  switch (kind) {
    case FileKind::empty: return "an empty file";
    case FileKind::directory: return "a directory";
    case FileKind::hdf5: return "HDF5";
    case FileKind::zip: return "a zip archive";
    case FileKind::gzip: return "gzip";
    case FileKind::tar: return "a tar archive";
    case FileKind::json: return "JSON";
    case FileKind::yaml: return "YAML";
    case FileKind::git_lfs_pointer: return "a Git LFS pointer";
    case FileKind::html: return "an HTML or XML page";
    case FileKind::protobuf_text: return "protobuf text";
    case FileKind::sstable: return "an sstable";
    case FileKind::other: return "an unknown format";
  }
  return "?";
}

}  // namespace thaw
