// Files that layers keep in a `.keras` archive.
#include "loaders/keras/assets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/keras/keras.h"
#include "loaders/keras/weights.h"
#include "runtime/base/check.h"
#include "tests/support/evaluate_graph.h"

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

// An unpacked archive with what Keras puts there, and what somebody else did.
TEST(Archive, TellsWhatItHoldsBesideTheModel) {
  const std::string golden =
      std::string(THAW_SOURCE_DIR) + "/tests/golden/keras3/keras_directory/model_dir";
  std::map<std::string, std::string> files{{"environment.json", "{\"python\": 3"},
                                           {"assets/layers/lookup/vocabulary.txt", "a"}};
  for (const char* name : {"config.json", "metadata.json", "model.weights.h5"}) {
    files[name] = std::string(read_file(golden + "/" + name, {}).text());
  }
  const MemoryTree tree(files);
  const LoadedModel model = load_keras_v3(tree, {}, reference_folding());
  EXPECT_THAT(model.info.notes, ::testing::ElementsAre("not read: environment.json"));
  EXPECT_THAT(model.info.assets, ::testing::ElementsAre("assets/layers/lookup/vocabulary.txt"));
  EXPECT_FALSE(model.info.saved.empty());
  EXPECT_EQ(model.info.writer.rfind("Keras 3", 0), 0u);
}

TEST(Archive, SaysWhichWeightsItLacks) {
  const std::string golden =
      std::string(THAW_SOURCE_DIR) + "/tests/golden/keras3/keras_directory/model_dir/config.json";
  const std::string config(read_file(golden, {}).text());
  const auto message = [&](const std::string& member, ErrorCode code) {
    const MemoryTree tree({{"config.json", config}, {member, "{}"}});
    try {
      load_keras_v3(tree, {}, reference_folding());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("metadata.json", ErrorCode::not_found),
              ::testing::HasSubstr("memory.keras: model.weights.h5 is missing"));
  EXPECT_THAT(message("model.weights.npz", ErrorCode::unimplemented),
              ::testing::HasSubstr("pickled and not read"));
  EXPECT_THAT(message("model.weights.json", ErrorCode::invalid_argument),
              ::testing::HasSubstr("has no weight_map"));
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
