// The stored arrays of any file, and files of weights given as models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "thaw/thaw.h"

namespace thaw {
namespace {

using ::testing::HasSubstr;

std::string golden(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/golden/" + name;
}

std::string message_of(const std::string& path, ErrorCode code) {
  try {
    Model::load(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << path << ": no error";
  return "";
}

struct StoreCase {
  const char* path;
  const char* format;
  const char* array;
  Shape shape;
};

class Stores : public ::testing::TestWithParam<StoreCase> {};

TEST_P(Stores, ListAndReadTheirArrays) {
  const StoreCase& test = GetParam();
  const WeightStore store = WeightStore::open(golden(test.path));
  EXPECT_THAT(store.format(), HasSubstr(test.format));
  ASSERT_TRUE(store.contains(test.array)) << store.arrays().size();
  const Tensor array = store.read(test.array);
  EXPECT_EQ(array.shape(), test.shape);
  EXPECT_EQ(array.dtype(), DType::float32);
  bool listed = false;
  for (const TensorSpec& spec : store.arrays()) {
    if (spec.name != test.array) continue;
    listed = true;
    EXPECT_EQ(spec.type, array.type());
  }
  EXPECT_TRUE(listed);
  EXPECT_THROW(store.read("no such array"), Error);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Stores,
    ::testing::Values(
        StoreCase{"tfkeras/weights_elsewhere/prefix/weights",
                  "checkpoint",
                  "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE",
                  {3, 4}},
        StoreCase{"keras3/weights_elsewhere/by_name.ckpt", "checkpoint", "first/kernel", {3, 4}},
        StoreCase{"keras3/weights_elsewhere/in_order.npz", "numpy", "arr_0", {3, 4}},
        StoreCase{
            "keras3/sharded_weights/shards.weights.json", "shards", "layers/dense/vars/0", {3, 12}},
        StoreCase{"keras3/lora/merged.weights.h5", ".weights.h5", "layers/dense/vars/0", {6, 3}},
        StoreCase{"keras3/lora/model.keras", ".keras", "layers/dense/vars/0", {6, 3}},
        StoreCase{"tfkeras/h5_named_keras/model.keras",
                  "HDF5",
                  "model_weights/dense/dense/kernel:0",
                  {3, 2}}),
    [](const auto& test) { return "Form" + std::to_string(test.index); });

TEST(WeightStore, ReadsTheVariablesOfASavedModel) {
  for (const auto& entry : std::filesystem::directory_iterator(golden("tfkeras"))) {
    const std::filesystem::path model = entry.path() / "saved_model";
    if (!std::filesystem::exists(model / "variables/variables.index")) continue;
    const WeightStore store = WeightStore::open(model.string());
    if (store.arrays().empty()) continue;  // a model without variables
    for (const TensorSpec& spec : store.arrays()) {
      if (spec.type.dtype == DType::invalid) continue;
      EXPECT_EQ(store.read(spec.name).type(), spec.type) << spec.name;
    }
    return;
  }
  FAIL() << "no golden SavedModel with variables";
}

TEST(WeightStore, MayBeReadByManyThreads) {
  const WeightStore store = WeightStore::open(golden("tfkeras/weights_elsewhere/prefix/weights"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = store] {
      for (const TensorSpec& spec : copy.arrays()) {
        if (spec.type.dtype == DType::invalid) continue;
        EXPECT_EQ(copy.read(spec.name).type(), spec.type);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(WeightsAsModels, AreRefusedWithTheWayOut) {
  for (const char* path :
       {"tfkeras/weights_elsewhere/prefix/weights", "tfkeras/weights_elsewhere/prefix",
        "tfkeras/weights_elsewhere/prefix/weights.index",
        "tfkeras/weights_elsewhere/prefix/checkpoint", "keras3/weights_elsewhere/in_order.npz",
        "keras3/sharded_weights/shards.weights.json", "keras3/lora/merged.weights.h5"}) {
    EXPECT_THAT(message_of(golden(path), ErrorCode::failed_precondition),
                HasSubstr("thaw::WeightStore"))
        << path;
  }
}

TEST(WeightsAsModels, GraphsOfTensorFlowTakeNoOthers) {
  LoadOptions options;
  options.weights = golden("keras3/weights_elsewhere/in_order.npz");
  try {
    Model::load(golden("tfkeras/dense_2d/saved_model"), options);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed_precondition);
    EXPECT_THAT(error.what(), HasSubstr("in_order.npz would not be used"));
  }
}

// A folder that is gone after the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "thaw_weight_store_test") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

TEST(OtherFiles, PicklesAreNeverRun) {
  const Folder folder;
  const std::string protocol4 =
      std::string("\x80\x04\x95\x10\0\0\0\0\0\0\0", 11) + "\x8c\x08" + "keras.st" + "\x94.";
  for (const std::string& text : {protocol4, std::string("\x80\x02}q\0.", 6),
                                  std::string("ccopy_reg\n_reconstructor\np0\n.")}) {
    EXPECT_THAT(message_of(folder.write("tokenizer.pickle", text), ErrorCode::unimplemented),
                HasSubstr("a Python pickle: reading one runs code that is in it"));
  }
}

TEST(OtherFiles, ModelsOfOtherRuntimesAreNamed) {
  const Folder folder;
  const std::string lite("\x1c\0\0\0TFL3\0\0\x12\0", 12);
  EXPECT_THAT(message_of(folder.write("model.bin", lite), ErrorCode::unimplemented),
              HasSubstr("a TensorFlow Lite model"));
  const std::string onnx(
      "\x08\x07\x12\x07pytorch\x1a\x03"
      "1.9:\0",
      18);
  EXPECT_THAT(message_of(folder.write("model.pb", onnx), ErrorCode::unimplemented),
              HasSubstr("an ONNX model"));
  EXPECT_THAT(message_of(golden("keras3/dense_2d/saved_model/saved_model.pb"),
                         ErrorCode::failed_precondition),
              HasSubstr("give the folder that it stands in"));
}

TEST(OtherFiles, TokenizersAreNoModels) {
  const Folder folder;
  EXPECT_THAT(message_of(folder.write("tokenizer.json",
                                      R"({"class_name": "Tokenizer", "config": {"num_words": 3}})"),
                         ErrorCode::invalid_argument),
              HasSubstr("a text tokenizer"));
}

TEST(Info, TellsOfTrainingAndDate) {
  const Model model = Model::load(golden("keras3/compiled_and_fitted/model.keras"));
  EXPECT_FALSE(model.info().saved.empty());
  EXPECT_GT(model.info().optimizer_arrays, 0);
  EXPECT_GT(model.info().optimizer_bytes, 0u);
  EXPECT_THAT(model.info().training_config, HasSubstr("weighted_loss"));
  const Model h5 = Model::load(golden("tfkeras/compiled_and_fitted/model.h5"));
  EXPECT_GT(h5.info().optimizer_arrays, 0);
  EXPECT_THAT(h5.info().training_config, HasSubstr("loss"));
}

TEST(Info, NamesWhereWeightsBesideAnArchitectureCameFrom) {
  const Folder folder;
  for (const char* name : {"model.json", "merged.weights.h5"}) {
    const bool weights = std::string(name) != "model.json";
    std::ifstream from(golden(std::string("keras3/lora/") + name), std::ios::binary);
    folder.write(weights ? "model.weights.h5" : name,
                 std::string(std::istreambuf_iterator<char>(from), {}));
  }
  const std::string path = folder.write("unused.txt", "");
  const Model model =
      Model::load(std::filesystem::path(path).parent_path().string() + "/model.json");
  ASSERT_FALSE(model.info().notes.empty());
  EXPECT_THAT(model.info().notes[0], HasSubstr("model.weights.h5"));
}

}  // namespace
}  // namespace thaw
