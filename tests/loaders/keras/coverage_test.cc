// The golden models cover the table: every layer that a writer still has stands in its cases in two
// configurations or more, one without arguments in two models.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "loaders/load.h"
#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"

namespace thaw::testing {
namespace {

// Of one class and one writer.
struct Seen {
  std::set<std::string> cases;
  std::set<std::string> configurations;
};
using SeenLayers = std::map<std::string, std::map<std::string, Seen>>;  // class -> writer
using Found = std::map<std::string, std::set<std::string>>;             // class -> configurations

// What tells no configuration from another.
bool is_incidental(std::string_view key) {
  constexpr std::string_view names[] = {"name", "trainable", "dtype", "seed"};
  return std::find(std::begin(names), std::end(names), key) != std::end(names) ||
         key.ends_with("_initializer") || key.ends_with("_regularizer") ||
         key.ends_with("_constraint");
}

std::string configuration_of(const Json& config) {
  Json::Object members;
  for (const auto& [key, value] : config.object()) {
    if (!is_incidental(key)) members.emplace_back(key, value);
  }
  return Json(std::move(members)).dump();
}

void collect(const Json& json, Found& found) {
  if (json.is_array()) {
    for (const Json& item : json.array()) collect(item, found);
  } else if (json.is_object()) {
    const Json* name = json.find("class_name");
    const Json* config = json.find("config");
    if (name != nullptr && name->is_string()) {
      std::set<std::string>& configurations = found[name->string()];
      if (config != nullptr && config->is_object())
        configurations.insert(configuration_of(*config));
    }
    for (const auto& [key, value] : json.object()) collect(value, found);
  }
}

// What a case's description lists and what the configuration of its `.keras` holds.
Found layers_of(const std::filesystem::path& folder) {
  Found found;
  const Bytes text = read_file((folder / "case.json").string(), {});
  const Json description = parse_json(text.text(), text.name, {});
  if (const Json* layers = description.find("layers")) {
    for (const Json& name : layers->array()) found[name.string()];
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".keras" || entry.is_directory()) continue;
    const Bytes file = read_file(entry.path().string(), {});
    if (sniff(file.data) != FileKind::zip) continue;  // HDF5 under this name
    const Bytes config = open_zip(file, file.name, {})->read("config.json");
    collect(parse_json(config.text(), config.name, {}), found);
  }
  return found;
}

SeenLayers seen_layers() {
  SeenLayers seen;
  for (const std::string writer : {"keras3", "tfkeras"}) {
    const std::string root = std::string(THAW_SOURCE_DIR) + "/tests/golden/" + writer;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (!std::filesystem::exists(entry.path() / "case.json")) continue;
      for (const auto& [name, configurations] : layers_of(entry.path())) {
        Seen& layer = seen[name][writer];
        layer.cases.insert(entry.path().filename().string());
        layer.configurations.insert(configurations.begin(), configurations.end());
      }
    }
  }
  return seen;
}

TEST(GoldenCoverage, EveryLayerOfAWriterStandsInItsCasesInTwoConfigurations) {
  // Layers that no writer of today makes: legacy_layers_test.cc and weights_test.cc compute them by
  // hand.
  const std::set<std::string> by_hand = {"CuDNNGRU", "CuDNNLSTM",          "Highway", "MaxoutDense",
                                         "Merge",    "ParametricSoftplus", "SReLU"};
  // Layers without arguments: what they compute depends on what goes in alone.
  const std::set<std::string> plain = {"Add",     "Average",  "Identity", "Maximum",
                                       "Minimum", "Multiply", "Subtract"};
  SeenLayers seen = seen_layers();
  const auto shown = [&](const std::string& name, const std::string& writer) {
    const Seen& layer = seen[name][writer];
    return plain.contains(name) ? layer.cases.size() : layer.configurations.size();
  };
  int layers = 0;
  for (const SupportedLayer& layer : supported_keras_layers()) {
    const bool alias = layer.note.starts_with("read as ");
    if (layer.status == SupportedLayer::Status::refused || alias) continue;
    ++layers;
    const std::size_t keras2 = shown(layer.name, "tfkeras"), keras3 = shown(layer.name, "keras3");
    if (by_hand.contains(layer.name)) {
      EXPECT_EQ(keras2 + keras3, 0u) << layer.name << " has goldens: take it off the list";
      continue;
    }
    EXPECT_TRUE(!layer.keras2 || keras2 > 1)
        << layer.name << " stands in the cases of tf-keras in " << keras2 << " configurations";
    EXPECT_TRUE(!layer.keras3 || keras3 > 1)
        << layer.name << " stands in the cases of Keras 3 in " << keras3 << " configurations";
    EXPECT_TRUE(layer.keras2 || layer.keras3) << layer.name << " is tested by no golden";
  }
  EXPECT_GT(layers, 140);
}

}  // namespace
}  // namespace thaw::testing
