// What `thaw show` tells of TensorFlow models.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "loaders/source/json.h"

namespace thaw {
namespace {

const std::string kGoldens = THAW_SOURCE_DIR "/tests/golden/";
const std::string kSavedModel = kGoldens + "tensorflow1/saved_variables/saved_model";
const std::string kCheckpoint = kGoldens + "tensorflow1/checkpoints/v1";

std::string show(const std::string& arguments) {
  std::FILE* pipe = popen((std::string(THAW_COMMAND) + " show " + arguments).c_str(), "r");
  std::string out;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 0) << arguments;
  return out;
}

Json show_json(const std::string& path) { return parse_json(show("--json " + path), path, {}); }

const Json* named(const Json& list, const std::string& name) {
  const auto& items = list.array();
  const auto found = std::find_if(items.begin(), items.end(), [&](const Json& item) {
    return item.at("name").string() == name;
  });
  return found == items.end() ? nullptr : &*found;
}

TEST(ShowTensorFlow, TagsSignaturesAndVariablesForPeople) {
  const std::string text = show(kSavedModel);
  for (const char* line :
       {"format      TensorFlow SavedModel\n", "tags        serve\n",
        "beside it   a graph with tags [serve,tpu]\n", "signature 'again'\n",
        "signature 'serving_default'\n", "  output  late                     float32[2]\n",
        "variables (11)\n", "  second/kernel/part_0  float32[2, 3]\n",
        "  late                  float32[2]  (not in the checkpoint)\n", "  MatMul "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

TEST(ShowTensorFlow, TheSameAsJson) {
  const Json json = show_json(kSavedModel);
  EXPECT_EQ(json.at("tags").array().at(0).string(), "serve");
  EXPECT_EQ(json.at("other_tags").array().at(0).string(), "serve,tpu");
  const Json* part = named(json.at("variables"), "third/kernel/part_1");
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->at("dtype").string(), "float32");
  EXPECT_EQ(part->at("key").string(), "third/kernel");
  EXPECT_EQ(part->at("shape").array().size(), 2u);
  const Json* late = named(json.at("variables"), "late");
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->at("key").string(), "");
  EXPECT_EQ(json.at("ops").at("MatMul").integer(), 3);
  EXPECT_EQ(json.at("signatures").array().size(), 2u);
  EXPECT_TRUE(json.at("tables").array().empty());
}

TEST(ShowTensorFlow, FunctionsWithTheirSizes) {
  const std::string path = kGoldens + "tensorflow2/control/saved_model";
  const Json json = show_json(path);
  bool found = false;
  for (const auto& [name, nodes] : json.at("functions").object()) {
    found = found || (name.find("while_body") != std::string::npos && nodes.integer() > 3);
  }
  EXPECT_TRUE(found);
  EXPECT_NE(show(path).find("\nfunctions ("), std::string::npos);
}

TEST(ShowTensorFlow, GraphsSayWhatWasRaised) {
  const std::string text = show("--graph " + kGoldens + "tensorflow1/rnn_saved/saved_model");
  for (const char* line :
       {"# loop 'lstm/rnn/while' runs as one LSTM node\n",
        "# loop 'peephole/rnn/while' runs as it is written: the step is no LSTM, GRU or simple "
        "cell\n",
        "\ngraph \"serving_default\" {\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

TEST(ShowTensorFlow, AssetsAndTables) {
  const std::string path = kGoldens + "strings/tables/saved_model";
  const Json json = show_json(path);
  EXPECT_FALSE(json.at("assets").array().empty());
  ASSERT_FALSE(json.at("tables").array().empty());
  for (const Json& table : json.at("tables").array()) {
    EXPECT_NE(table.at("key").string(), "?") << table.at("name").string();
    EXPECT_NE(table.at("value").string(), "?") << table.at("name").string();
  }
  const std::string text = show(path);
  EXPECT_NE(text.find("\ntables ("), std::string::npos) << text;
  EXPECT_NE(text.find("\nasset "), std::string::npos) << text;
}

TEST(ShowTensorFlow, FrozenGraphs) {
  const Json json = show_json(kGoldens + "tensorflow1/branches/graph.pb");
  EXPECT_EQ(json.at("format").string(), "TensorFlow frozen graph");
  ASSERT_EQ(json.at("signatures").array().size(), 1u);
  const Json& signature = json.at("signatures").array()[0];
  const Json* x = named(signature.at("inputs"), "x:0");
  ASSERT_NE(x, nullptr);
  EXPECT_EQ(x->at("dtype").string(), "float32");
  EXPECT_EQ(x->at("shape").array().size(), 2u);
  EXPECT_GE(json.at("ops").at("Switch").integer(), 1);
}

TEST(ShowTensorFlow, ConstantsOfFrozenGraphsAreParameters) {
  const Json json = show_json(kGoldens + "tensorflow_files/text_graphs/graph.pbtxt");
  EXPECT_EQ(json.at("parameters").integer(), 8);  // float32[4, 2]
  const std::string text = show("--graph " + kGoldens + "keras3/rnn_cells/saved_model.zip");
  EXPECT_NE(text.find("# loop 'functional_1/stacked_1/while' runs as 2 nodes: GRU, LSTM\n"),
            std::string::npos)
      << text;
}

TEST(ShowTensorFlow, CheckpointsAlone) {
  const std::string text = show(kGoldens + "keras3/weights_elsewhere/by_name.ckpt");
  EXPECT_NE(text.find("weights without an architecture"), std::string::npos) << text;
  EXPECT_NE(text.find("float32[3, 4]"), std::string::npos) << text;
}

TEST(ShowTensorFlow, MetaGraphsWithTheirCheckpoint) {
  const Json json = show_json(kCheckpoint);
  EXPECT_EQ(json.at("format").string(), "TensorFlow MetaGraph");
  EXPECT_EQ(json.at("variables").array().size(), 9u);
  EXPECT_EQ(json.at("parameters").integer(), 64);
}

}  // namespace
}  // namespace thaw
