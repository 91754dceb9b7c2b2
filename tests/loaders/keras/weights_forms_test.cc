// Weights in checkpoints, archives and shards: what fits, and what the errors say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "loaders/keras/array_files.h"
#include "loaders/keras/weights_file.h"
#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MemoryArrays final : public StoredArrays {
 public:
  explicit MemoryArrays(std::vector<std::string> names) : names_(std::move(names)) {}

  const std::string& path() const override { return path_; }
  const std::vector<std::string>& names() const override { return names_; }
  bool contains(const std::string& name) const override {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  TensorType type(const std::string&) const override { return {DType::float32, {2}}; }
  Tensor read(const std::string&) const override { return Tensor(DType::float32, {2}); }

 private:
  std::string path_ = "memory.npz";
  std::vector<std::string> names_;
};

// A folder that is gone after the test.
class Folder {
 public:
  Folder() {
    path_ = std::filesystem::temp_directory_path() /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string golden(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/golden/" + name;
}

template <class F>
std::string message_of(F&& call, ErrorCode code) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

std::string dense(const std::string& name) {
  return ", {'class_name': 'Dense', 'config': {'name': '" + name + "', 'units': 2}}";
}

keras::KerasModel model_of(const std::vector<std::string>& names) {
  std::string layers;
  for (const std::string& name : names) layers += dense(name);
  return config_of(
      "{'class_name': 'Sequential', 'config': {'name': 's', 'layers': [{'class_name': "
      "'InputLayer', 'config': {'name': 'x', 'batch_input_shape': [null, 2]}}" +
          layers + "]}}",
      "2.15.0");
}

std::string named_error(const std::vector<std::string>& arrays) {
  const MemoryArrays file(arrays);
  std::vector<std::string> notes;
  return message_of(
      [&] {
        keras::named_weights(file, model_of({"a", "b"}), notes);
      },
      ErrorCode::invalid_argument);
}

TEST(NamedWeights, FindTheirVariables) {
  const MemoryArrays file({"a/kernel", "a/bias", "optimizer/a/kernel", "s/b/kernel:0", "s/b/bias:0",
                           "b/kernel/Adam", "global_step", "left_over"});
  std::vector<std::string> notes;
  const keras::ModelWeights store = keras::named_weights(file, model_of({"a", "b"}), notes);
  EXPECT_EQ(store.find("layers/dense/kernel")->key, "a/kernel");
  EXPECT_EQ(store.find("layers/dense_1/kernel")->key, "s/b/kernel:0");
  EXPECT_THAT(notes, ElementsAre(HasSubstr("not used by any layer: b/kernel/Adam, left_over")));
}

TEST(NamedWeights, SayWhatWasFoundAndExpected) {
  EXPECT_THAT(named_error({"one", "two"}),
              HasSubstr("memory.npz: 4 of 4 variables have no array: expected a/kernel, a/bias, "
                        "b/kernel, b/bias; found one, two"));
  EXPECT_THAT(named_error({"a/kernel", "a/bias", "b/kernel"}),
              HasSubstr("1 of 4 variables have no array: expected b/bias"));
  EXPECT_THAT(named_error({"a/kernel", "kernel/a/kernel", "x/a/bias", "y/a/bias"}),
              HasSubstr("several arrays could be a/bias"));
  EXPECT_THAT(named_error({"a/b/kernel", "a/bias", "b/bias"}), HasSubstr("fits"));
  EXPECT_THAT(named_error({"optimizer/vars/0"}), HasSubstr("found nothing"));
}

TEST(OrderedWeights, AreCounted) {
  const MemoryArrays file({"arr_10", "arr_0", "arr_2"});
  EXPECT_TRUE(keras::has_numpy_names(file));
  EXPECT_FALSE(keras::has_numpy_names(MemoryArrays({"arr_0", "a"})));
  EXPECT_FALSE(keras::has_numpy_names(MemoryArrays({})));
  std::vector<std::string> notes;
  EXPECT_THAT(message_of([&] { keras::ordered_weights(file, model_of({"a"}), notes); },
                         ErrorCode::invalid_argument),
              HasSubstr("expected 2 arrays in order (a/kernel, a/bias), found 3"));
  const MemoryArrays two({"arr_1", "arr_0"});
  const keras::ModelWeights store = keras::ordered_weights(two, model_of({"a"}), notes);
  EXPECT_EQ(store.find("layers/dense/kernel")->key, "arr_0");
}

TEST(WeightsFile, ByNameNeedsNames) {
  keras::OpenWeights weights;
  weights.format = "numpy archive (.npz)";
  weights.arrays = std::make_unique<MemoryArrays>(std::vector<std::string>{"arr_0", "arr_1"});
  std::vector<std::string> notes;
  EXPECT_THAT(message_of([&] { keras::assign_weights(weights, model_of({"a"}), true, notes); },
                         ErrorCode::invalid_argument),
              HasSubstr("only the older HDF5 does"));
}

TEST(WeightsFile, WhatIsNone) {
  const Folder folder;
  folder.write("text.txt", "hello");
  EXPECT_THAT(message_of([&] { keras::open_weights_file(folder.file("text.txt"), {}); },
                         ErrorCode::invalid_argument),
              HasSubstr("not weights: expected HDF5"));
  folder.write("model.json", "{\"class_name\": \"Sequential\"}");
  EXPECT_THAT(message_of([&] { keras::open_weights_file(folder.file("model.json"), {}); },
                         ErrorCode::invalid_argument),
              HasSubstr("no map of sharded weights"));
  EXPECT_THAT(
      message_of([&] { keras::open_weights_file(folder.path(), {}); }, ErrorCode::invalid_argument),
      HasSubstr("a folder without weights"));
}

TEST(WeightsFile, BesideTheArchitecture) {
  const Folder folder;
  EXPECT_EQ(keras::weights_beside(folder.file("net.json")), "");
  folder.write("weights.h5", "");
  EXPECT_EQ(keras::weights_beside(folder.file("net.json")), folder.file("weights.h5"));
  folder.write("net.weights.h5", "");
  EXPECT_EQ(keras::weights_beside(folder.file("net.json")), folder.file("net.weights.h5"));
  folder.write("net.npz", "");
  EXPECT_THAT(message_of([&] { keras::weights_beside(folder.file("net.json")); },
                         ErrorCode::failed_precondition),
              HasSubstr("(net.weights.h5, net.npz): name one of them"));
}

TEST(Shards, MustAllBeThere) {
  const Folder folder;
  const auto open = [&] { keras::open_weights_file(folder.file("w.json"), {}); };
  folder.write("w.json", R"({"weight_map": {"/layers/dense/vars": "w_00000.weights.h5"}})");
  EXPECT_THAT(message_of(open, ErrorCode::not_found),
              HasSubstr("the shard 'w_00000.weights.h5' is missing"));
  for (const char* name : {"\"../w.h5\"", "\"a/w.h5\"", "7", "\"\"", "[[]]"}) {
    folder.write("w.json", std::string(R"({"weight_map": {"/layers/dense/vars": )") + name + "}}");
    EXPECT_THAT(message_of(open, ErrorCode::invalid_argument),
                HasSubstr("names no shard beside it"))
        << name;
  }
  // The same arrays in two shards.
  const std::string shard = golden("keras3/sharded_weights/shards_00000.weights.h5");
  std::filesystem::copy_file(shard, folder.file("a.h5"));
  std::filesystem::copy_file(shard, folder.file("b.h5"));
  folder.write("w.json", R"({"weight_map": {"/x": ["a.h5", "b.h5"]}})");
  EXPECT_THAT(message_of(open, ErrorCode::invalid_argument),
              HasSubstr("two shards hold the array"));
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  return out + static_cast<char>(value);
}

std::string field(int number, const std::string& bytes) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}

TEST(ObjectGraph, IsReadAndChecked) {
  const std::string child = "\x08\x01" + field(2, "dense");
  const std::string value =
      field(2, field(1, "VARIABLE_VALUE") + field(2, "dense/kernel") + field(3, "key"));
  const std::string graph = field(1, field(1, child)) + field(1, value);
  const auto objects = keras::parse_object_graph(graph, "test", {});
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].children.at("dense"), 1u);
  EXPECT_EQ(objects[1].key, "key");
  EXPECT_EQ(objects[1].variable, "dense/kernel");
  EXPECT_THAT(message_of([&] { keras::parse_object_graph(field(1, field(1, child)), "test", {}); },
                         ErrorCode::data_loss),
              HasSubstr("object 'dense' is number 1 of 1"));
  for (std::size_t size = 1; size < graph.size(); ++size) {
    try {
      keras::parse_object_graph(graph.substr(0, size), "test", {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::data_loss) << error.what();
    }
  }
  Limits limits;
  limits.max_nodes = 1;
  message_of([&] { keras::parse_object_graph(graph, "test", limits); },
             ErrorCode::resource_exhausted);
}

TEST(Checkpoint, IsFoundByAnyOfItsNames) {
  const std::string folder = golden("keras3/weights_elsewhere/checkpoint_folder");
  for (const char* name :
       {"", "/ckpt-1", "/ckpt-1.index", "/checkpoint", "/ckpt-1.data-00000-of-00001"}) {
    const auto place = keras::find_checkpoint(folder + name, {});
    ASSERT_TRUE(place) << name;
    EXPECT_EQ(place->folder, folder) << name;
    EXPECT_EQ(place->prefix, "ckpt-1") << name;
  }
  EXPECT_FALSE(keras::find_checkpoint(golden("README.md"), {}));
  EXPECT_FALSE(keras::find_checkpoint(golden("no such file"), {}));
}

TEST(Checkpoint, StateFilesAreChecked) {
  const Folder folder;
  const auto find = [&] { keras::find_checkpoint(folder.path(), {}); };
  folder.write("a.index", "");
  folder.write("b.index", "");
  EXPECT_THAT(message_of(find, ErrorCode::failed_precondition),
              HasSubstr("several checkpoints and no state file: a, b"));
  folder.write("checkpoint", "all_model_checkpoint_paths: \"a\"\n");
  EXPECT_THAT(message_of(find, ErrorCode::invalid_argument), HasSubstr("no model_checkpoint_path"));
  folder.write("checkpoint", "model_checkpoint_path: \"c\"\n");
  EXPECT_THAT(message_of(find, ErrorCode::not_found), HasSubstr("'c', but there is no such index"));
  // The folder was moved since the state file was written.
  folder.write("checkpoint",
               "all_model_checkpoint_paths: \"/old/a\"\nmodel_checkpoint_path: \"/old/place/b\"\n");
  EXPECT_EQ(keras::find_checkpoint(folder.path(), {})->prefix, "b");
}

TEST(Checkpoint, SaysWhichVariableItLacks) {
  const keras::OpenWeights weights =
      keras::open_weights_file(golden("tfkeras/sequential_checkpoint/training/last"), {});
  EXPECT_EQ(weights.format, "TensorFlow checkpoint");
  std::vector<std::string> notes;
  const std::string message = message_of(
      [&] {
        keras::assign_weights(weights, model_of({"a", "b"}), false, notes);
      },
      ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("no weights for variable 'kernel' of layer 'b' (Dense)"));
  EXPECT_THAT(message, HasSubstr("the file has"));
}

TEST(Checkpoint, SeveralModelsThatFitAreNotChosenFrom) {
  const std::string folder =
      std::string(THAW_SOURCE_DIR) + "/tests/loaders/keras/files/checkpoints/";
  const keras::OpenWeights weights = keras::open_weights_file(folder + "two_models", {});
  std::vector<std::string> notes;
  EXPECT_THAT(message_of([&] { keras::assign_weights(weights, model_of({"a"}), false, notes); },
                         ErrorCode::failed_precondition),
              HasSubstr("two_models: several of its models fit: left, right"));
  EXPECT_THAT(
      message_of([&] { keras::open_weights_file(folder + "no_graph", {}); }, ErrorCode::data_loss),
      HasSubstr("no_graph: the object graph is float32[2]"));
}

TEST(Checkpoint, OptimizersAreCountedAndOthersNamed) {
  const keras::OpenWeights weights =
      keras::open_weights_file(golden("tfkeras/weights_elsewhere/checkpoint_folder"), {});
  ModelInfo info;
  keras::count_optimizer(weights, keras::ModelWeights(), info);
  EXPECT_GT(info.optimizer_arrays, 40);
  EXPECT_GT(info.optimizer_bytes, 1000u);
}

// The variables of a SavedModel, saved or exported, are those of the weights file beside it.
class SavedModelWeights : public ::testing::TestWithParam<std::string> {};

TEST_P(SavedModelWeights, AreTheOnesOfTheWeightsFile) {
  const std::string folder = golden(GetParam());
  const Bytes json = read_file(folder + "/model.json", {});
  const bool keras3 = GetParam().starts_with("keras3");
  const keras::KerasModel model = keras::read_config(
      parse_json(json.text(), json.name, {}),
      keras::writer_of(keras3 ? "3.15.1" : "2.15.0", "tensorflow", 2), json.name, {});
  const std::string saved_model = folder + "/saved_model";
  const keras::OpenWeights saved = keras::open_weights_file(
      std::filesystem::exists(saved_model) ? saved_model : saved_model + ".zip", {});
  const keras::OpenWeights file = keras::open_weights_file(folder + "/model.weights.h5", {});
  std::vector<std::string> notes;
  const keras::ModelWeights got = keras::assign_weights(saved, model, false, notes);
  const keras::ModelWeights expected = keras::assign_weights(file, model, false, notes);
  ASSERT_FALSE(expected.arrays().empty());
  ASSERT_EQ(got.arrays().size(), expected.arrays().size());
  for (const auto& [path, array] : expected.arrays()) {
    const Tensor want = array.read(), have = got.find(path)->read();
    ASSERT_EQ(have.type(), want.type()) << path;
    EXPECT_EQ(std::memcmp(have.data(), want.data(), want.size_bytes()), 0) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, SavedModelWeights,
                         ::testing::Values("tfkeras/gru", "tfkeras/nested_shared_model",
                                           "tfkeras/cnn_batchnorm", "tfkeras/sequential_nested",
                                           "tfkeras/names_with_slashes", "tfkeras/odd_names",
                                           "tfkeras/bidirectional_lstm", "keras3/gru",
                                           "keras3/bidirectional_lstm", "keras3/cnn_batchnorm",
                                           "keras3/sequential_nested"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST(PathWeights, OfWindowsHaveBackslashes) {
  MemoryH5 file;
  file.add_array("layers\\dense/vars/0", {2, 2});
  file.add_array("layers\\dense/vars/1", {2});
  std::vector<std::string> notes;
  const auto arrays = keras::h5_arrays(file);
  const keras::ModelWeights store = keras::path_weights(*arrays, model_of({"a"}), notes);
  EXPECT_EQ(store.find("layers/dense/kernel")->key, "layers\\dense/vars/0");
  EXPECT_THAT(notes, IsEmpty());
}

TEST(Merged, AdaptersAreInNoPathForm) {
  const keras::KerasModel model = config_of(
      "{'class_name': 'Sequential', 'config': {'name': 's', 'layers': [{'class_name': "
      "'InputLayer', 'config': {'name': 'x', 'batch_shape': [null, 2]}}, {'class_name': 'Dense', "
      "'config': {'name': 'd', 'units': 2, 'lora_rank': 1, 'trainable': true}}]}}",
      "3.15.1");
  MemoryH5 file;
  file.add_array("layers/dense/vars/0", {2, 2});
  file.add_array("layers/dense/vars/1", {2});
  std::vector<std::string> notes;
  const auto arrays = keras::h5_arrays(file);
  EXPECT_EQ(keras::path_weights(*arrays, model, notes).arrays().size(), 2u);
  EXPECT_THAT(notes, IsEmpty());
}

}  // namespace
}  // namespace thaw::testing
