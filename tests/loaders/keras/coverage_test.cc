// The golden models cover the table: every layer that a writer still has stands in some case of
// that writer.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "loaders/load.h"
#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"

namespace thaw::testing {
namespace {

using Counts = std::map<std::string, std::map<std::string, int>>;  // class -> writer -> cases

void collect_classes(const Json& json, std::set<std::string>& names) {
  if (json.is_array()) {
    for (const Json& item : json.array()) collect_classes(item, names);
  } else if (json.is_object()) {
    for (const auto& [key, value] : json.object()) {
      if (key == "class_name" && value.is_string()) names.insert(value.string());
      collect_classes(value, names);
    }
  }
}

// What a case's description lists and what the configuration of its `.keras` holds.
std::set<std::string> classes_of(const std::filesystem::path& folder) {
  std::set<std::string> names;
  const Bytes text = read_file((folder / "case.json").string(), {});
  const Json description = parse_json(text.text(), text.name, {});
  if (const Json* layers = description.find("layers")) {
    for (const Json& name : layers->array()) names.insert(name.string());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".keras" || entry.is_directory()) continue;
    const Bytes file = read_file(entry.path().string(), {});
    if (sniff(file.data) != FileKind::zip) continue;  // HDF5 under this name
    const Bytes config = open_zip(file, file.name, {})->read("config.json");
    collect_classes(parse_json(config.text(), config.name, {}), names);
  }
  return names;
}

Counts count_cases() {
  Counts counts;
  for (const std::string writer : {"keras3", "tfkeras"}) {
    const std::string root = std::string(THAW_SOURCE_DIR) + "/tests/golden/" + writer;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (!std::filesystem::exists(entry.path() / "case.json")) continue;
      for (const std::string& name : classes_of(entry.path())) ++counts[name][writer];
    }
  }
  return counts;
}

TEST(GoldenCoverage, EveryLayerOfAWriterStandsInItsCases) {
  // Layers that no writer of today makes: legacy_layers_test.cc and weights_test.cc compute them by
  // hand.
  const std::set<std::string> by_hand = {"CuDNNGRU", "CuDNNLSTM",          "Highway", "MaxoutDense",
                                         "Merge",    "ParametricSoftplus", "SReLU"};
  const Counts counts = count_cases();
  const auto cases = [&](const std::string& name, const std::string& writer) {
    const auto found = counts.find(name);
    if (found == counts.end()) return 0;
    const auto of_writer = found->second.find(writer);
    return of_writer == found->second.end() ? 0 : of_writer->second;
  };
  int layers = 0;
  for (const SupportedLayer& layer : supported_keras_layers()) {
    const bool alias = layer.note.starts_with("read as ");
    if (layer.status == SupportedLayer::Status::refused || alias) continue;
    ++layers;
    const int keras2 = cases(layer.name, "tfkeras"), keras3 = cases(layer.name, "keras3");
    if (by_hand.contains(layer.name)) {
      EXPECT_EQ(keras2 + keras3, 0) << layer.name << " has goldens: take it off the list";
      continue;
    }
    EXPECT_TRUE(!layer.keras2 || keras2 > 0) << layer.name << " stands in no case of tf-keras";
    EXPECT_TRUE(!layer.keras3 || keras3 > 0) << layer.name << " stands in no case of Keras 3";
    EXPECT_TRUE(layer.keras2 || layer.keras3) << layer.name << " is tested by no golden";
  }
  EXPECT_GT(layers, 140);
}

}  // namespace
}  // namespace thaw::testing
