// Which MetaGraph and which signature of a SavedModel is opened.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

namespace fs = std::filesystem;

// A folder that is removed with the test.
class Folder {
 public:
  Folder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = fs::path(::testing::TempDir()) / (std::string("thaw_tf_") + test->name());
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

const std::string kFloat = attr("T", "type: DT_FLOAT");

std::string signature(const std::string& name, const std::string& input,
                      const std::string& output) {
  const auto info = [](const std::string& field, const std::string& tensor) {
    return field + " { key: \"" + tensor.substr(0, tensor.find(':')) + "\" value { name: \"" +
           tensor + "\" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } } ";
  };
  return "signature_def { key: \"" + name + "\" value { " +
         (input.empty() ? "" : info("inputs", input)) + info("outputs", output) + "} }\n";
}

std::string meta_graph(const std::string& tags, const std::string& nodes,
                       const std::string& signatures) {
  return "meta_graphs { meta_info_def { " + tags + " tensorflow_version: \"9.9\" } graph_def { " +
         nodes + " versions { producer: 1000 } }\n" + signatures + "}\n";
}

std::string two_signatures() {
  return meta_graph("tags: \"serve\"",
                    placeholder("x") + node("a", "Neg", "x", kFloat) +
                        node("b", "Relu", "x", kFloat) + node("init", "NoOp"),
                    signature("serving_default", "x:0", "a:0") + signature("other", "x:0", "b:0") +
                        signature("__saved_model_init_op", "", "init"));
}

Failure load_failure(const Folder& folder, const LoadOptions& options = {}) {
  try {
    load_folder(folder.path(), options);
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
}

TEST(Signatures, AllButTheInitialiserAreOpened) {
  const Folder folder;
  folder.write("saved_model.pbtxt", two_signatures());
  const LoadedModel model = load_folder(folder.path());
  ASSERT_EQ(model.signatures.size(), 2U);
  EXPECT_EQ(model.signatures[model.default_signature].name, "serving_default");
  EXPECT_EQ(model.info.format, "TensorFlow SavedModel");
  EXPECT_EQ(model.info.writer, "TensorFlow 9.9");
  const std::map<std::string, std::int64_t> counts{{"Neg", 1}};
  EXPECT_EQ(model.info.op_counts, counts);
  LoadOptions options;
  options.signature = "other";
  const LoadedModel asked = load_folder(folder.path(), options);
  EXPECT_EQ(asked.signatures[asked.default_signature].name, "other");
}

TEST(Signatures, AnAbsentOneIsNamedWithTheOthers) {
  const Folder folder;
  folder.write("saved_model.pbtxt", two_signatures());
  LoadOptions options;
  options.signature = "predict";
  const Failure failure = load_failure(folder, options);
  EXPECT_EQ(failure.code, ErrorCode::not_found);
  EXPECT_NE(failure.message.find("'predict'"), std::string::npos) << failure.message;
  EXPECT_NE(failure.message.find("other, serving_default"), std::string::npos) << failure.message;
}

TEST(Signatures, OneThatCannotRunIsLeftOutAndNoted) {
  const Folder folder;
  std::string text = two_signatures();
  text.replace(text.find("\"Relu\""), 6, "\"NoSuchOp\"");
  folder.write("saved_model.pbtxt", text);
  const LoadedModel model = load_folder(folder.path());
  EXPECT_EQ(model.signatures.size(), 1U);
  ASSERT_EQ(model.info.notes.size(), 1U);
  EXPECT_NE(model.info.notes[0].find("'other' is left out: NoSuchOp"), std::string::npos)
      << model.info.notes[0];
  LoadOptions options;
  options.signature = "other";
  EXPECT_EQ(load_failure(folder, options).code, ErrorCode::unimplemented);
}

TEST(Signatures, TagsChooseTheMetaGraph) {
  const Folder folder;
  const std::string signatures = signature("serving_default", "x:0", "y:0");
  folder.write(
      "saved_model.pbtxt",
      meta_graph("tags: \"train\"", placeholder("x") + node("y", "Relu", "x", kFloat), signatures) +
          meta_graph("tags: \"serve\" tags: \"tpu\"",
                     placeholder("x") + node("y", "Exp", "x", kFloat), signatures));
  const Failure none = load_failure(folder);
  EXPECT_EQ(none.code, ErrorCode::not_found);
  EXPECT_NE(none.message.find("[train] [serve,tpu]"), std::string::npos) << none.message;
  LoadOptions options;
  options.tags = "tpu,serve";
  EXPECT_EQ(load_folder(folder.path(), options).info.op_counts.count("Exp"), 1U);
}

// A module of TensorFlow Hub, version 1: no schema version, no tags, no serving_default.
TEST(Signatures, HubModulesOpen) {
  const Folder folder;
  const std::string signatures =
      signature("an_other", "x:0", "y:0") + signature("default", "x:0", "y:0");
  folder.write(
      "saved_model.pbtxt",
      meta_graph("tags: \"train\"", placeholder("x") + node("y", "Relu", "x", kFloat), signatures) +
          meta_graph("", placeholder("x") + node("y", "Exp", "x", kFloat), signatures));
  folder.write("tfhub_module.pb", "\x08\x03");
  const LoadedModel model = load_folder(folder.path());
  EXPECT_EQ(model.info.op_counts.count("Exp"), 1U);
  EXPECT_EQ(model.signatures.at(model.default_signature).name, "default");
}

TEST(Signatures, TensorsThatAreNotThereAreNamed) {
  const Folder folder;
  const auto failure = [&](const std::string& input, const std::string& output) {
    folder.write("saved_model.pbtxt",
                 meta_graph("tags: \"serve\"", placeholder("x") + node("y", "Neg", "x", kFloat),
                            signature("serving_default", input, output)));
    return load_failure(folder);
  };
  for (const char* bad : {"gone:0", "y:-1", "y:one", "y:", "y::0", "y:0:0", "y:out:0", "y: 0",
                          "y:99999999999999999999", "^y", ":0", ""}) {
    for (const bool input : {false, true}) {
      if (input && *bad == '\0') continue;  // no input at all
      const Failure found = input ? failure(bad, "y:0") : failure("x:0", bad);
      EXPECT_EQ(found.code, ErrorCode::invalid_argument) << bad << ": " << found.message;
      EXPECT_NE(found.message.find(std::string("' is '") + bad + "', which is not in the graph"),
                std::string::npos)
          << found.message;
      EXPECT_NE(found.message.find(input ? "input '" : "output '"), std::string::npos)
          << found.message;
    }
  }
  for (const char* beyond : {"y:1", "y:7", "y:9223372036854775807"}) {
    const Failure found = failure("x:0", beyond);
    EXPECT_EQ(found.code, ErrorCode::invalid_argument) << beyond << ": " << found.message;
    EXPECT_NE(found.message.find("node 'y' (Neg): has 1 results"), std::string::npos)
        << found.message;
  }
  const Failure fed = failure("x:7", "y:0");
  EXPECT_EQ(fed.code, ErrorCode::invalid_argument) << fed.message;
  EXPECT_NE(fed.message.find("input 'x' is its result 7, it has 1"), std::string::npos)
      << fed.message;
  EXPECT_EQ(failure("x", "y").message, "");
}

TEST(Signatures, NamesAndFedTensorsStandOnce) {
  const auto info = [](const std::string& field, const std::string& key,
                       const std::string& tensor) {
    return field + " { key: \"" + key + "\" value { name: \"" + tensor + "\" dtype: DT_FLOAT } } ";
  };
  const Folder folder;
  const auto failure = [&](const std::string& infos) {
    folder.write("saved_model.pbtxt",
                 meta_graph("tags: \"serve\"",
                            placeholder("x") + placeholder("z") + node("y", "Neg", "x", kFloat),
                            "signature_def { key: \"serving_default\" value { " + infos + "} }"));
    return load_failure(folder);
  };
  const std::string x = info("inputs", "a", "x:0"), y = info("outputs", "r", "y:0");
  const std::pair<std::string, const char*> rows[] = {
      {x + info("inputs", "a", "z:0") + y, "two inputs are called 'a'"},
      {x + x + y, "two inputs are called 'a'"},
      {x + y + info("outputs", "r", "x:0"), "two outputs are called 'r'"},
      {x + info("inputs", "b", "x") + y, "inputs 'a' and 'b' are the same tensor"},
  };
  for (const auto& [infos, message] : rows) {
    const Failure found = failure(infos);
    EXPECT_EQ(found.code, ErrorCode::invalid_argument) << infos << found.message;
    EXPECT_NE(found.message.find(message), std::string::npos) << found.message;
  }
  // One result may have several names.
  EXPECT_EQ(failure(x + y + info("outputs", "s", "y:0")).message, "");
}

TEST(Signatures, NoneIsSaidWithTheWayOut) {
  const Folder folder;
  folder.write("saved_model.pbtxt", meta_graph("tags: \"serve\"", placeholder("x"), ""));
  const Failure failure = load_failure(folder);
  EXPECT_EQ(failure.code, ErrorCode::not_found);
  EXPECT_NE(failure.message.find("no signatures"), std::string::npos) << failure.message;
}

TEST(Signatures, VariablesWithoutACheckpointAreNamed) {
  const Folder folder;
  const std::string type = attr("dtype", "type: DT_FLOAT");
  folder.write(
      "saved_model.pbtxt",
      meta_graph("tags: \"serve\"",
                 placeholder("x") +
                     node("w", "VarHandleOp", "", type + attr("shape", "shape { }")) +
                     node("read", "ReadVariableOp", "w", type) + node("y", "Mul", "x read", kFloat),
                 signature("serving_default", "x:0", "y:0")));
  const Failure failure = load_failure(folder);
  EXPECT_EQ(failure.code, ErrorCode::not_found);
  EXPECT_NE(failure.message.find("variable 'w'"), std::string::npos) << failure.message;
  EXPECT_NE(failure.message.find("variables/variables.index"), std::string::npos)
      << failure.message;
}

TEST(Files, OtherThingsAreCalledWhatTheyAre) {
  const Folder folder;
  EXPECT_EQ(load_failure(folder).code, ErrorCode::not_found);
  folder.write("saved_model.cpb", "x");
  EXPECT_EQ(load_failure(folder).code, ErrorCode::unimplemented);
  folder.write("saved_model.pb", "");
  EXPECT_NE(load_failure(folder).message.find("is empty"), std::string::npos);
  folder.write("saved_model.pb",
               "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n");
  EXPECT_NE(load_failure(folder).message.find("Git LFS pointer"), std::string::npos);
  folder.write("saved_model.pb", "\x08\x01\x12\xff");
  EXPECT_EQ(load_failure(folder).code, ErrorCode::data_loss);
}

}  // namespace
}  // namespace thaw::testing
