#include "loaders/keras/policy_map.h"

#include <algorithm>
#include <optional>

namespace thaw::keras {
namespace {

struct Entry {
  std::string key;
  Json policy;
};

struct PolicyMap {
  std::vector<Entry> entries;
  Json otherwise;
};

// '.', or a plain character, once or any number of times.
struct Piece {
  char c;
  bool any, repeated;
};

std::optional<std::vector<Piece>> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (std::string_view("*+?[](){}|^$\\").find(c) != std::string_view::npos) return {};
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '.' && (next == '*' || next == '+')) {
      if (next == '+') pieces.push_back({c, true, false});
      pieces.push_back({c, true, true});
      ++i;
    } else {
      pieces.push_back({c, c == '.', false});
    }
  }
  return pieces;
}

bool is_pattern(const std::string& key) {
  return key.find_first_of(".*+?[](){}|^$\\") != std::string::npos;
}

std::optional<PolicyMap> read_map(const Json& dtype) {
  const Json* class_name = dtype.find("class_name");
  const Json* config = dtype.find("config");
  if (class_name == nullptr || !class_name->is_string() ||
      class_name->string() != "DTypePolicyMap" || config == nullptr) {
    return {};
  }
  const Json* entries = config->find("policy_map");
  if (entries == nullptr || !entries->is_object() || entries->size() == 0) return {};
  PolicyMap map;
  for (const auto& [key, policy] : entries->object()) map.entries.push_back({key, policy});
  const Json* otherwise = config->find("default_policy");
  map.otherwise =
      otherwise == nullptr || otherwise->is_null() ? Json(std::string("float32")) : *otherwise;
  return map;
}

// The policy at a path; nothing where Keras has none to give or its pattern is not understood.
std::optional<Json> policy_at(const PolicyMap& map, const std::string& path) {
  for (const Entry& entry : map.entries) {
    if (entry.key == path) return entry.policy;
  }
  std::optional<Json> found;
  for (const Entry& entry : map.entries) {
    if (!is_pattern(entry.key)) continue;
    if (!pieces_of(entry.key)) return {};
    if (!policy_pattern_fits(entry.key, path)) continue;
    if (found) return {};
    found = entry.policy;
  }
  return found ? found : map.otherwise;
}

// Layers that make others for themselves, which look their own paths up.
bool makes_layers(const std::string& class_name) {
  constexpr std::string_view names[] = {
      "LSTM",       "GRU", "SimpleRNN",          "ConvLSTM1D",    "ConvLSTM2D",
      "ConvLSTM3D", "RNN", "MultiHeadAttention", "Bidirectional", "GroupedQueryAttention"};
  return std::find(std::begin(names), std::end(names), class_name) != std::end(names);
}

// Whether all that lies beneath the path has this policy too.
bool holds_beneath(const PolicyMap& map, const std::string& path, const Json& policy) {
  const std::string own = policy.dump();
  for (const Entry& entry : map.entries) {
    const bool beneath = entry.key.starts_with(path + "/") || is_pattern(entry.key);
    if (beneath && entry.policy.dump() != own) return false;
  }
  const bool all = std::any_of(map.entries.begin(), map.entries.end(), [&](const Entry& entry) {
    return entry.key == path + "/.*" || entry.key == ".*";
  });
  return all || map.otherwise.dump() == own;
}

Json with_dtype(const Json& config, const Json& policy) {
  Json::Object members = config.object();
  for (auto& [key, value] : members) {
    if (key == "dtype") value = policy;
  }
  return Json(std::move(members));
}

void resolve_layer(LayerConfig& layer, const std::string& path) {
  if (layer.model) {
    resolve_policy_maps(*layer.model);
    return;
  }
  for (auto& [attribute, inner] : layer.inner) resolve_layer(inner, path + "/" + inner.name);
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr) return;
  const std::optional<PolicyMap> map = read_map(*dtype);
  if (!map) return;
  const std::optional<Json> policy = policy_at(*map, path);
  if (!policy || (makes_layers(layer.class_name) && !holds_beneath(*map, path, *policy))) return;
  layer.config = with_dtype(layer.config, *policy);
}

}  // namespace

bool policy_pattern_fits(std::string_view pattern, std::string_view path) {
  const std::optional<std::vector<Piece>> pieces = pieces_of(pattern);
  if (!pieces) return false;
  // fits[i]: the pieces so far can end before path[i].
  std::vector<bool> fits(path.size() + 1, false);
  fits[0] = true;
  for (const Piece& piece : *pieces) {
    std::vector<bool> next(path.size() + 1, false);
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (piece.repeated && fits[i]) next[i] = true;
      if (i == path.size() || !(piece.any ? path[i] != '\n' : path[i] == piece.c)) continue;
      if (fits[i] || (piece.repeated && next[i])) next[i + 1] = true;
    }
    fits = std::move(next);
  }
  return fits[path.size()];
}

void resolve_policy_maps(ModelConfig& model) {
  // A Sequential model builds its layers beneath its own name, a functional one by their own.
  const std::string above = model.class_name == "Sequential" ? model.name + "/" : "";
  for (LayerConfig& layer : model.layers) resolve_layer(layer, above + layer.name);
}

}  // namespace thaw::keras
