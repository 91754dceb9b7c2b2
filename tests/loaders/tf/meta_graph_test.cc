// MetaGraphs and their checkpoints: what names them, and what they compute by rule.
#include "loaders/meta_graph.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/exec/evaluator.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

namespace fs = std::filesystem;

const std::string kCheckpoints = THAW_SOURCE_DIR "/tests/golden/tensorflow1/checkpoints";

LoadedModel load(const std::string& path, const LoadOptions& options = {}) {
  return load_model(path, options, reference_evaluator());
}

ErrorCode code_of(const std::string& path, std::string* message = nullptr) {
  try {
    load(path);
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  return ErrorCode::internal;
}

class MetaGraph : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(::testing::TempDir()) / (std::string("meta_graph_") + info->name());
    fs::remove_all(folder);
    fs::copy(kCheckpoints + "/v2", folder);
    fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add);
  }
  void TearDown() override { fs::remove_all(folder); }

  void write_state(const std::string& text) const {
    fs::remove(folder / "checkpoint");
    std::ofstream(folder / "checkpoint") << text;
  }

  fs::path folder;
};

TEST_F(MetaGraph, IsNamedInSeveralWays) {
  for (const char* name : {"", "checkpoint", "model.ckpt-7", "model.ckpt-7.meta",
                           "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"}) {
    const LoadedModel model = load((folder / name).string());
    EXPECT_EQ(model.info.format, "TensorFlow MetaGraph") << name;
    EXPECT_GT(model.info.parameters, 0) << name;
  }
}

TEST_F(MetaGraph, OpensFromAnArchive) {
  const fs::path archive = folder.string() + ".tar";
  const std::string command = "tar -cf " + archive.string() + " -C " + folder.string() + " .";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const LoadedModel model = load(archive.string());
  EXPECT_EQ(model.info.format, "TensorFlow MetaGraph");
  EXPECT_GT(model.info.parameters, 0);
  fs::remove(archive);
}

// What depends on the input and nothing but saving uses.
TEST_F(MetaGraph, OutputsAreFoundByRule) {
  const LoadedModel model = load(folder.string());
  const Graph& graph = model.signatures.at(0).graph;
  EXPECT_EQ(graph.input_names, std::vector<std::string>{"x:0"});
  EXPECT_EQ(graph.output_names, std::vector<std::string>{"y:0"});
  LoadOptions options;
  options.outputs = {"count:0"};
  EXPECT_TRUE(load(folder.string(), options).signatures.at(0).graph.inputs.empty());
}

TEST_F(MetaGraph, StateFilesMayComeFromElsewhere) {
  write_state("model_checkpoint_path: \"/home/trainer/run 1/model.ckpt-7\"\n");
  EXPECT_NO_THROW(load(folder.string()));
  write_state("all_model_checkpoint_paths: \"old\"\nmodel_checkpoint_path: \"model.ckpt\\0557\"\n");
  EXPECT_NO_THROW(load(folder.string()));
}

TEST_F(MetaGraph, DamagedStateFilesAreNamed) {
  for (const char* text : {"", "model_checkpoint_path: 7", "model_checkpoint_path: \"never ends"}) {
    write_state(text);
    std::string message;
    EXPECT_EQ(code_of(folder.string(), &message), ErrorCode::data_loss) << text;
    EXPECT_NE(message.find("model_checkpoint_path"), std::string::npos) << message;
  }
}

TEST_F(MetaGraph, WithoutItsCheckpointTheVariableIsNamed) {
  fs::remove(folder / "model.ckpt-7.index");
  std::string message;
  EXPECT_EQ(code_of((folder / "model.ckpt-7.meta").string(), &message), ErrorCode::not_found);
  EXPECT_NE(message.find("variable 'first/kernel'"), std::string::npos) << message;
  EXPECT_NE(message.find("no checkpoint"), std::string::npos) << message;
}

TEST_F(MetaGraph, WithoutTheGraphItIsWeightsOnly) {
  fs::remove(folder / "model.ckpt-7.meta");
  EXPECT_EQ(code_of(folder.string()), ErrorCode::failed_precondition);
}

TEST_F(MetaGraph, TruncatedGraphsAreRefused) {
  const fs::path file = folder / "model.ckpt-7.meta";
  std::ifstream stream(file, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << whole.substr(0, size);
    EXPECT_THROW(load(file.string()), Error) << size;
  }
}

TEST_F(MetaGraph, VariablesAreListed) {
  const ModelInfo info = load(folder.string()).info;
  ASSERT_FALSE(info.variables.empty());
  bool partition = false;
  for (const VariableInfo& variable : info.variables) {
    EXPECT_FALSE(variable.key.empty()) << variable.name;
    if (variable.name == "second/kernel/part_1") {
      partition = true;
      EXPECT_EQ(variable.key, "second/kernel");
      EXPECT_EQ(to_string(variable.type), "float32[2, 3]");
    }
  }
  EXPECT_TRUE(partition);
}

// The init op of a SavedModel gives values that the checkpoint does not have.
TEST(SavedModels, ListTheirGraphs) {
  const std::string path = THAW_SOURCE_DIR "/tests/golden/tensorflow1/saved_variables/saved_model";
  const ModelInfo info = load(path).info;
  EXPECT_EQ(info.tags, std::vector<std::string>{"serve"});
  EXPECT_EQ(info.other_tags, std::vector<std::string>{"serve,tpu"});
  bool late = false;
  for (const VariableInfo& variable : info.variables) {
    late = late || (variable.name == "late" && variable.key.empty());
  }
  EXPECT_TRUE(late);
  LoadOptions options;
  options.tags = "tpu,serve";
  EXPECT_EQ(load(path, options).info.tags, (std::vector<std::string>{"serve", "tpu"}));
  options.tags = "train";
  try {
    load(path, options);
    FAIL() << "there is no such graph";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(error.what()).find("[serve] [serve,tpu]"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace thaw::testing
