// Files made to harm: messages without an end, names of any bytes, ops that reach outside, object
// graphs and assets that lead nowhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

#include "loaders/tf/tf.h"
#include "runtime/exec/evaluator.h"
#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::testing {
namespace {

// Files in memory.
class MemoryFiles final : public FileTree {
 public:
  explicit MemoryFiles(std::map<std::string, std::string> files) : files_(std::move(files)) {}
  const std::string& path() const override { return path_; }
  bool contains(const std::string& name) const override { return files_.contains(name); }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, text] : files_) all.push_back(name);
    return all;
  }
  std::uint64_t size_of(const std::string& name) const override { return files_.at(name).size(); }
  Bytes read(const std::string& name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) throw Error(ErrorCode::not_found, name);
    const auto kept = std::make_shared<std::string>(found->second);
    return {std::as_bytes(std::span(*kept)), kept, name};
  }

 private:
  std::string path_ = "memory";
  std::map<std::string, std::string> files_;
};

Bytes bytes_of(std::string text) {
  const auto kept = std::make_shared<std::string>(std::move(text));
  return {std::as_bytes(std::span(*kept)), kept, "graph.pb"};
}

Failure failure_of_bytes(const std::string& text, const LoadOptions& options = {}) {
  try {
    load_frozen_graph(bytes_of(text), options, reference_evaluator());
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
}

// A field of a message: its number and what it holds.
std::string length_field(int number, const std::string& content) {
  std::string text(1, static_cast<char>(number << 3 | 2));
  for (std::size_t size = content.size();; size >>= 7) {
    text += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    if (size <= 0x7f) break;
  }
  return text + content;
}

// What a cut or a flipped bit can make of a file is damage; a length past the end is what every
// file has that was cut. What no accident makes is a bad argument.
TEST(HostileMessages, AreRefused) {
  std::string functions;  // an attribute that holds a function with an attribute that ...
  for (int i = 0; i < 500; ++i) {
    const std::string entry = length_field(1, "k") + length_field(2, functions);
    functions = length_field(10, length_field(1, "f") + length_field(2, entry));
  }
  struct Row {
    const char* what;
    std::string text;
    ErrorCode code;
    const char* message;
  };
  constexpr ErrorCode kInvalid = ErrorCode::invalid_argument, kDamage = ErrorCode::data_loss;
  const Row rows[] = {
      {"functions within functions", length_field(1, length_field(5, length_field(2, functions))),
       kInvalid, "nested deeper than 100"},
      {"groups of unknown fields", std::string(100000, '\x7b'), kInvalid, "nested deeper than 100"},
      {"groups that end", std::string(1000, '\x7b') + std::string(1000, '\x7c'), kInvalid,
       "nested deeper than 100"},
      {"a number that does not end", "\x18" + std::string(11, '\xff'), kInvalid,
       "more than 10 bytes at byte 11"},
      {"a length that does not end", "\x0a" + std::string(11, '\xff'), kInvalid,
       "more than 10 bytes at byte 11"},
      {"a number that is cut", "\x18" + std::string(9, '\xff'), kDamage, "cut off after 10 bytes"},
      {"a length past the end", std::string("\x0a\x7f") + "abc", kDamage, "cut off"},
      {"a length of 2^63", "\x0a" + std::string(8, '\xff') + "\x7f", kDamage, "cut off"},
      {"a group that ends nowhere", "\x7b\x08\x01", kDamage, "damaged"},
      {"the end of another group", "\x7c", kDamage, "damaged"},
      {"a kind of field that there is not", "\x0f", kDamage, "damaged"},
  };
  for (const Row& row : rows) {
    const Failure failure = failure_of_bytes(row.text);
    EXPECT_EQ(failure.code, row.code) << row.what << ": " << failure.message;
    EXPECT_NE(failure.message.find(row.message), std::string::npos)
        << row.what << ": " << failure.message;
  }
}

// Two bytes a node, a hundred in memory.
TEST(HostileMessages, EmptyNodesAreCountedBeforeTheyFillTheMemory) {
  constexpr std::size_t kNodes = 6'000'000;
  std::string text;
  text.reserve(2 * kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) text.append("\x0a\x00", 2);
  const Failure failure = failure_of_bytes(text);
  EXPECT_EQ(failure.code, ErrorCode::resource_exhausted) << failure.message;
  EXPECT_NE(failure.message.find("of memory"), std::string::npos) << failure.message;
}

TEST(HostileNames, MayHoldAnyBytes) {
  using std::string_literals::operator""s;
  const std::string name = "x\0\xff\x1b[31m"s;
  const auto graph = [&](const std::string& op) {
    tf::GraphDef made;
    auto* x = made.add_node();
    x->set_name(name);
    x->set_op("Placeholder");
    auto* dtype = x->add_attr();
    dtype->set_key("dtype");
    dtype->mutable_value()->set_type(tf::DT_FLOAT);
    auto* y = made.add_node();
    y->set_name("y" + name);
    y->set_op(op);
    y->add_input(name);
    auto* type = y->add_attr();
    type->set_key("T");
    type->mutable_value()->set_type(tf::DT_FLOAT);
    return made.SerializeAsString();
  };
  const LoadedModel model = load_frozen_graph(bytes_of(graph("Neg")), {}, reference_evaluator());
  EXPECT_EQ(model.signatures.at(0).graph.input_names.at(0), name + ":0");
  const Failure failure = failure_of_bytes(graph("NoSuch\x01Op"));
  EXPECT_EQ(failure.code, ErrorCode::unimplemented);
  for (const char c : failure.message) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << failure.message;
  }
}

TEST(HostileOps, ThatReachOutsideAreRefusedByName) {
  const std::string x = placeholder("x");
  const std::pair<const char*, const char*> rows[] = {
      {"PyFunc", "Python"},
      {"EagerPyFunc", "Python"},
      {"PyFuncStateless", "Python"},
      {"ReadFile", "reads files"},
      {"WriteFile", "writes files"},
      {"SaveV2", "writes files"},
      {"MatchingFiles", "reads directories"},
      {"IteratorGetNext", "data set"},
  };
  for (const auto& [op, why] : rows) {
    const Failure failure = failure_of(x + node("outside", op, "x") +
                                       node("y", "Neg", "outside", attr("T", "type: DT_FLOAT")));
    EXPECT_EQ(failure.code, ErrorCode::unimplemented) << op;
    EXPECT_NE(failure.message.find(op), std::string::npos) << failure.message;
    EXPECT_NE(failure.message.find(why), std::string::npos) << failure.message;
    EXPECT_NE(failure.message.find("outside"), std::string::npos) << failure.message;
    // Not in the way of what does not need it.
    const Graph graph = graph_of_text(
        x + node("outside", op, "x") + node("y", "Neg", "x", attr("T", "type: DT_FLOAT")), [] {
          LoadOptions options;
          options.outputs = {"y:0"};
          return options;
        }());
    EXPECT_EQ(count_ops(graph, "unary"), 1) << op;
  }
}

// What no result needs is told all the same, but for what every model is saved and restored by.
TEST(HostileOps, ThatNothingNeedsAreNoted) {
  const std::string graph =
      placeholder("x") + node("y", "Neg", "x", attr("T", "type: DT_FLOAT")) +
      node("save/tensors", "SaveV2", "x") + node("restore", "RestoreV2", "x") +
      node("out", "WriteFile", "x") +
      function("f", "a:DT_STRING", "r:DT_STRING",
               node("one", "ReadFile", "a") + node("two", "ReadFile", "a"), "r=a") +
      function("g", "a:DT_STRING", "r:DT_STRING",
               node("save", "SaveV2", "a") + node("merge", "MergeV2Checkpoints", "a"), "r=a") +
      function("h", "a:DT_STRING", "r:DT_STRING",
               node("set", "DatasetFromGraph", "a") + node("py", "PyFunc", "a"), "r=a");
  LoadOptions options;
  options.outputs = {"y:0"};
  const std::vector<std::string> expected{
      "security: the file holds DatasetFromGraph ('set' in function 'h'), which reads files as a "
      "data set; it is never run",
      "security: the file holds PyFunc ('py' in function 'h'), which runs Python code that is not "
      "in the file; it is never run",
      "security: the file holds ReadFile ('one' in function 'f' and 1 more), which reads files; it "
      "is never run",
      "security: the file holds WriteFile ('out'), which writes files; it is never run"};
  EXPECT_EQ(load_text(graph, options).info.notes, expected);

  std::string many = placeholder("x") + node("y", "Neg", "x", attr("T", "type: DT_FLOAT"));
  for (int i = 0; i < 200; ++i) many += node("n" + std::to_string(i), "Rpc" + std::to_string(i));
  EXPECT_EQ(load_text(many, options).info.notes.size(), 50U);
}

// A golden SavedModel in memory, to be changed.
std::map<std::string, std::string> files_of(const std::string& model) {
  const auto tree = open_directory(THAW_SOURCE_DIR "/tests/golden/" + model, {});
  std::map<std::string, std::string> files;
  for (const std::string& name : tree->names()) files[name] = tree->read(name).text();
  return files;
}

tf::SavedModel message_of_files(const std::map<std::string, std::string>& files) {
  tf::SavedModel model;
  EXPECT_TRUE(model.ParseFromString(files.at("saved_model.pb")));
  return model;
}

Failure failure_of_files(std::map<std::string, std::string> files) {
  try {
    load_saved_model(MemoryFiles(std::move(files)), {}, reference_evaluator());
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
}

// The restore function says which variable is which, so that a model with a useless object graph
// still runs; one that lies about it never crashes.
TEST(HostileObjectGraphs, LeadNowhere) {
  const std::string folder = THAW_SOURCE_DIR "/tests/golden/keras3/dense_2d";
  const tools::Case test = tools::read_case(folder);
  const auto form = std::ranges::find(test.forms, "savedmodel", &tools::CaseForm::kind);
  ASSERT_NE(form, test.forms.end());
  auto files = files_of("keras3/dense_2d/saved_model");
  for (const int id : {std::numeric_limits<int>::max(), -1, 0, 1}) {
    tf::SavedModel model = message_of_files(files);
    auto* objects = model.mutable_meta_graphs(0)->mutable_object_graph_def();
    ASSERT_GT(objects->nodes_size(), 3);
    for (auto& node : *objects->mutable_nodes()) {
      for (auto& child : *node.mutable_children()) child.set_node_id(id);  // 0: a cycle
    }
    auto changed = files;
    changed["saved_model.pb"] = model.SerializeAsString();
    const LoadedModel loaded = load_saved_model(MemoryFiles(changed), {}, reference_evaluator());
    EXPECT_EQ(difference(test, *form, loaded), "") << id;
  }
  for (const int bound : {std::numeric_limits<int>::max(), -7}) {
    tf::SavedModel model = message_of_files(files);
    auto* objects = model.mutable_meta_graphs(0)->mutable_object_graph_def();
    for (auto& entry : *objects->mutable_concrete_functions()) {
      for (auto& id : *entry.mutable_value()->mutable_bound_inputs()) id = bound;
    }
    auto changed = files;
    changed["saved_model.pb"] = model.SerializeAsString();
    const LoadedModel loaded = load_saved_model(MemoryFiles(changed), {}, reference_evaluator());
    EXPECT_EQ(difference(test, *form, loaded), "") << bound;
  }
}

TEST(HostileAssets, AreNamed) {
  auto files = files_of("strings/tables/saved_model");
  auto missing = files;
  missing.erase("assets/words.txt");
  const Failure gone = failure_of_files(missing);
  EXPECT_EQ(gone.code, ErrorCode::not_found) << gone.message;
  EXPECT_NE(gone.message.find("words.txt"), std::string::npos) << gone.message;

  tf::SavedModel model = message_of_files(files);
  for (auto& asset : *model.mutable_meta_graphs(0)->mutable_asset_file_def()) {
    if (asset.filename() == "words.txt") asset.set_filename("../../../../../etc/hostname");
  }
  auto outside = files;
  outside["saved_model.pb"] = model.SerializeAsString();
  const Failure refused = failure_of_files(outside);
  EXPECT_EQ(refused.code, ErrorCode::permission_denied) << refused.message;
  EXPECT_NE(refused.message.find("../etc/hostname"), std::string::npos) << refused.message;
}

// The checkpoint's values are checked; a fingerprint is not looked at, as TensorFlow warns only.
TEST(HostileFingerprints, DoNotMatter) {
  auto files = files_of("keras3/dense_2d/saved_model");
  files["fingerprint.pb"] = "nonsense";
  EXPECT_EQ(failure_of_files(files).message, "");
}

}  // namespace
}  // namespace thaw::testing
