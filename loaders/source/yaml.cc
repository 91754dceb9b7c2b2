// YAML text to values: yaml-cpp's parser drives the builder below. yaml-cpp's own nodes are not
// used, because nothing bounds what aliases make of them.
#include "loaders/source/yaml.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>

#include "loaders/source/yaml_scalar.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

using yaml::ScalarKind;

// Architectures have kilobytes; yaml-cpp takes many times a document's size.
constexpr std::uint64_t kMaxYamlBytes = std::uint64_t{16} << 20;
// yaml-cpp recurses; it has a guard of its own not far above.
constexpr int kMaxYamlDepth = 400;
// What a value takes besides its text, and how large aliases may make the values: this many times
// the text, or this large anyway.
constexpr std::uint64_t kValueBytes = 64;
constexpr std::uint64_t kMaxExpansion = 64, kMinExpansion = std::uint64_t{16} << 20;

struct Tag {
  std::string_view name;
  std::optional<ScalarKind> scalar;
  bool is_sequence, is_map;
};
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";
// Tags of plain data; Python 2 wrote its strings and tuples with tags.
constexpr std::array kTags = {
    Tag{"str", ScalarKind::string, false, false},
    Tag{"int", ScalarKind::integer, false, false},
    Tag{"float", ScalarKind::number, false, false},
    Tag{"bool", ScalarKind::boolean, false, false},
    Tag{"null", ScalarKind::null, false, false},
    Tag{"seq", std::nullopt, true, false},
    Tag{"map", std::nullopt, false, true},
    Tag{"python/str", ScalarKind::string, false, false},
    Tag{"python/unicode", ScalarKind::string, false, false},
    Tag{"python/int", ScalarKind::integer, false, false},
    Tag{"python/long", ScalarKind::integer, false, false},
    Tag{"python/float", ScalarKind::number, false, false},
    Tag{"python/bool", ScalarKind::boolean, false, false},
    Tag{"python/none", ScalarKind::null, false, false},
    Tag{"python/list", std::nullopt, true, false},
    Tag{"python/tuple", std::nullopt, true, false},
    Tag{"python/dict", std::nullopt, false, true},
};

class YamlBuilder final : public YAML::EventHandler {
 public:
  YamlBuilder(const std::string& name, std::size_t text_size, const Limits& limits)
      : name_(name),
        max_depth_(std::min(limits.max_depth, kMaxYamlDepth)),
        max_bytes_(std::min(limits.max_message_bytes,
                            std::max(kMinExpansion, kMaxExpansion * text_size))) {}

  /// The document's value.
  Json take() {
    THAW_CHECK(root_.has_value(), "a YAML document without a value");
    return std::move(*root_);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, {Json(), kValueBytes, 0});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    const Tag* known = find_tag(mark, tag);
    if (known != nullptr && !known->is_sequence) wrong_tag(mark, tag, "a sequence");
    open(mark, anchor, false);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    const Tag* known = find_tag(mark, tag);
    if (known != nullptr && !known->is_map) wrong_tag(mark, tag, "a mapping");
    open(mark, anchor, true);
  }
  void OnMapEnd() override { close(); }

  [[noreturn]] void error(ErrorCode code, const YAML::Mark& mark, const std::string& what) const {
    fail(code, "{}: {}", place(mark), what);
  }

 private:
  // A value, about how many bytes it takes, and how deep it is.
  struct Value {
    Json json;
    std::uint64_t bytes;
    int depth;
  };
  // An open sequence or mapping.
  struct Frame {
    bool is_map;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    Json::Array items;
    Json::Object members;
    std::optional<std::string> key;
    std::uint64_t bytes = kValueBytes;
    int depth = 0;
  };

  std::string place(const YAML::Mark& mark) const {
    return fmt::format("{}: YAML at line {}, column {}", printable(name_, 1024), mark.line + 1,
                       mark.column + 1);
  }
  [[noreturn]] void wrong_tag(const YAML::Mark& mark, const std::string& tag,
                              const char* what) const {
    error(ErrorCode::invalid_argument, mark,
          fmt::format("{} is tagged '{}'", what, printable(tag)));
  }
  const Tag* find_tag(const YAML::Mark& mark, const std::string& tag) const;
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, bool is_map);
  void close();
  void count_copy(const YAML::Mark& mark, const Value& value);
  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Value value);
  void add_key(const YAML::Mark& mark, Frame& frame, const Json& key) const;
  void check_keys(const Frame& frame) const;

  const std::string& name_;
  int max_depth_;
  std::uint64_t max_bytes_, copied_bytes_ = 0;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Value> anchors_;
  std::optional<Json> root_;
};

// Null for what has no tag, or "!", which says no more than the quotes do.
const Tag* YamlBuilder::find_tag(const YAML::Mark& mark, const std::string& tag) const {
  if (tag.empty() || tag == "?" || tag == "!") return nullptr;
  for (const Tag& known : kTags) {
    if (tag.starts_with(kTagPrefix) && tag.substr(kTagPrefix.size()) == known.name) return &known;
  }
  error(ErrorCode::unimplemented, mark,
        fmt::format("the tag '{}' is not read: it is no plain data", printable(tag)));
}

void YamlBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  const Tag* known = find_tag(mark, tag);
  if (known != nullptr && !known->scalar) wrong_tag(mark, tag, "a scalar");
  const ScalarKind kind = known != nullptr ? *known->scalar
                          : tag == "!"     ? ScalarKind::string
                                           : ScalarKind::plain;
  if (kind == ScalarKind::plain && value == "<<")
    error(ErrorCode::unimplemented, mark, "a merge key, which is not read");
  Json scalar = read_scalar(value, kind, place(mark));
  add(mark, anchor, {std::move(scalar), kValueBytes + value.size(), 0});
}

void YamlBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto it = anchors_.find(anchor);
  if (it == anchors_.end()) {
    error(ErrorCode::invalid_argument, mark, "an alias stands inside what it stands for");
  }
  const Value& value = it->second;
  if (static_cast<int>(frames_.size()) + value.depth > max_depth_) {
    error(ErrorCode::resource_exhausted, mark,
          fmt::format("nested deeper than {} levels", max_depth_));
  }
  count_copy(mark, value);
  add(mark, YAML::NullAnchor, value);
}

// Before a copy is made for an anchor or an alias.
void YamlBuilder::count_copy(const YAML::Mark& mark, const Value& value) {
  copied_bytes_ += value.bytes;
  if (copied_bytes_ > max_bytes_) {
    error(ErrorCode::resource_exhausted, mark,
          fmt::format("aliases make the document larger than {} bytes", max_bytes_));
  }
}

void YamlBuilder::open(const YAML::Mark& mark, YAML::anchor_t anchor, bool is_map) {
  if (static_cast<int>(frames_.size()) >= max_depth_) {
    error(ErrorCode::resource_exhausted, mark,
          fmt::format("nested deeper than {} levels", max_depth_));
  }
  frames_.push_back({is_map, mark, anchor, {}, {}, std::nullopt});
}

void YamlBuilder::close() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.is_map) check_keys(frame);
  Json json = frame.is_map ? Json(std::move(frame.members)) : Json(std::move(frame.items));
  add(frame.mark, frame.anchor, {std::move(json), frame.bytes, frame.depth + 1});
}

void YamlBuilder::add(const YAML::Mark& mark, YAML::anchor_t anchor, Value value) {
  if (frames_.empty()) {
    root_ = std::move(value.json);
    return;
  }
  if (anchor != YAML::NullAnchor) {
    count_copy(mark, value);
    anchors_[anchor] = value;
  }
  Frame& frame = frames_.back();
  frame.bytes += value.bytes;
  frame.depth = std::max(frame.depth, value.depth);
  if (!frame.is_map) {
    frame.items.push_back(std::move(value.json));
  } else if (!frame.key) {
    add_key(mark, frame, value.json);
  } else {
    frame.members.emplace_back(std::move(*frame.key), std::move(value.json));
    frame.key.reset();
  }
}

// Keys are strings; Python's integer keys become their digits, as its json module does it.
void YamlBuilder::add_key(const YAML::Mark& mark, Frame& frame, const Json& key) const {
  if (!key.is_string() && !key.is_integer())
    error(ErrorCode::invalid_argument, mark, "a key that is no string");
  frame.key = key.is_string() ? key.string() : std::to_string(key.integer());
}

void YamlBuilder::check_keys(const Frame& frame) const {
  std::vector<std::string_view> sorted;
  sorted.reserve(frame.members.size());
  for (const auto& member : frame.members) sorted.push_back(member.first);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    error(ErrorCode::invalid_argument, frame.mark,
          fmt::format("the mapping has key '{}' twice", printable(*twice)));
  }
}

// The length of the UTF-8 sequence at the beginning of `text`; 0 if it is none: overlong forms,
// surrogates, too large, cut short.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  bool valid = lead >= 0xc2 && lead <= 0xf4;
  for (std::size_t i = 1; i < length; ++i) valid = valid && (byte(i) & 0xc0) == 0x80;
  if (lead == 0xe0) valid = valid && byte(1) >= 0xa0;
  if (lead == 0xed) valid = valid && byte(1) < 0xa0;
  if (lead == 0xf0) valid = valid && byte(1) >= 0x90;
  if (lead == 0xf4) valid = valid && byte(1) < 0x90;
  return valid ? length : 0;
}

// yaml-cpp guesses encodings, replaces what is no UTF-8, and takes some control characters for the
// end of the text.
void check_text(std::string_view text, const std::string& name) {
  const auto refuse = [&](std::size_t at, const char* what) {
    fail(ErrorCode::invalid_argument, "{}: YAML at byte {}: {}", printable(name, 1024), at, what);
  };
  if (text.starts_with("\xef\xbb\xbf")) refuse(0, "begins with a byte order mark");
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      refuse(i, "a control character");
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) refuse(i, "invalid UTF-8");
    i += length;
  }
}

}  // namespace

Json parse_yaml(std::string_view text, const std::string& name, const Limits& limits) {
  const std::uint64_t most = std::min(limits.max_message_bytes, kMaxYamlBytes);
  if (text.size() > most) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes of YAML, the limit is {}",
         printable(name, 1024), text.size(), most);
  }
  check_text(text, name);
  YamlBuilder builder(name, text.size(), limits);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder))
      fail(ErrorCode::invalid_argument, "{}: no YAML document", printable(name, 1024));
    Json json = builder.take();
    if (parser.HandleNextDocument(builder))
      fail(ErrorCode::invalid_argument, "{}: several YAML documents", printable(name, 1024));
    return json;
  } catch (const YAML::DeepRecursion& error) {
    builder.error(ErrorCode::resource_exhausted, error.mark, "nested too deeply");
  } catch (const YAML::Exception& error) {
    builder.error(ErrorCode::invalid_argument, error.mark, printable(error.msg));
  }
}

}  // namespace thaw
