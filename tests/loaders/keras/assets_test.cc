// Files that layers keep in a `.keras` archive.
#include "loaders/keras/assets.h"

#include <gtest/gtest.h>

#include "loaders/keras/weights.h"
#include "runtime/base/check.h"

namespace thaw::testing {
namespace {

class MemoryTree final : public FileTree {
 public:
  explicit MemoryTree(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  const std::string& path() const override { return path_; }
  bool contains(const std::string& name) const override { return files_.contains(name); }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, text] : files_) names.push_back(name);
    return names;
  }
  std::uint64_t size_of(const std::string& name) const override { return files_.at(name).size(); }
  Bytes read(const std::string& name) const override {
    return {std::as_bytes(std::span(files_.at(name))), nullptr, name};
  }

 private:
  std::string path_ = "memory.keras";
  std::map<std::string, std::string> files_;
};

TEST(Assets, AreReadByPlaceAndName) {
  const MemoryTree tree({{"assets/layers/string_lookup/vocabulary.txt", "[UNK]\nalfa\n"},
                         {"assets\\layers\\text_vectorization\\_lookup_layer\\vocabulary.txt", "b"},
                         {"config.json", "{}"}});
  const keras::Assets assets(tree);
  EXPECT_EQ(assets.read("layers/string_lookup", "vocabulary.txt"), "[UNK]\nalfa\n");
  EXPECT_EQ(assets.read("layers/text_vectorization", "_lookup_layer/vocabulary.txt"), "b");
  EXPECT_FALSE(assets.read("layers/string_lookup", "config.json"));
  EXPECT_FALSE(assets.read("layers/string_lookup/../..", "config.json"));
  EXPECT_FALSE(keras::Assets().read("layers/string_lookup", "vocabulary.txt"));
}

TEST(Assets, FollowTheirLayerToItsPlaceInTheFile) {
  keras::ModelWeights store;
  store.place("layers/model/layers/lookup", "_layer_checkpoint_dependencies/lookup_2");
  EXPECT_EQ(store.place_of("layers/model/layers/lookup/layer"),
            "_layer_checkpoint_dependencies/lookup_2/layer");
  EXPECT_EQ(store.place_of("layers/model/layers/lookup_1"), "layers/model/layers/lookup_1");
  EXPECT_EQ(store.place_of(""), "");
}

}  // namespace
}  // namespace thaw::testing
