// Every layer class that Keras 1, 2 and 3 have is read or refused with a reason.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "loaders/load.h"

namespace thaw {
namespace {

TEST(LayerNames, HaveEveryClassOfEveryGeneration) {
  std::map<std::string, SupportedLayer> table;
  for (const SupportedLayer& layer : supported_keras_layers()) table[layer.name] = layer;
  std::ifstream in(THAW_SOURCE_DIR "/tests/loaders/keras/layer_names.txt");
  ASSERT_TRUE(in);
  int generation = 0, classes = 0;
  for (std::string name; in >> generation >> name; ++classes) {
    const auto found = table.find(name);
    ASSERT_NE(found, table.end()) << name;
    const SupportedLayer& layer = found->second;
    EXPECT_TRUE(generation == 1   ? layer.keras1
                : generation == 2 ? layer.keras2
                                  : layer.keras3)
        << name << " of Keras " << generation;
  }
  EXPECT_GT(classes, 350);
}

TEST(LayerNames, AreReadUnlessTheyAreForeignCode) {
  const std::map<std::string, std::string> refused = {{"DynamicEmbedding", "does not load"},
                                                      {"DynamicLookup", "does not load"},
                                                      {"FlaxLayer", "another framework"},
                                                      {"JaxLayer", "another framework"},
                                                      {"Lambda", "Python code"},
                                                      {"TorchModuleWrapper", "another framework"}};
  for (const SupportedLayer& layer : supported_keras_layers()) {
    const auto expected = refused.find(layer.name);
    const bool is_refused = layer.status == SupportedLayer::Status::refused;
    EXPECT_EQ(is_refused, expected != refused.end()) << layer.name;
    if (is_refused && expected != refused.end()) {
      EXPECT_NE(layer.note.find(expected->second), std::string::npos) << layer.note;
    }
  }
}

}  // namespace
}  // namespace thaw
