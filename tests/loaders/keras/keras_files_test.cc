// One small model in every way that HDF5 and the generations of Keras store it (make_files.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "loaders/keras/keras.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string path_of(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/loaders/keras/files/" + name;
}

LoadedModel load(const std::string& name, const LoadOptions& options = {}) {
  const Bytes file = read_file(path_of(name), options.limits);
  return name.ends_with(".json")
             ? load_keras_json(file, options.weights, options, reference_folding())
             : load_keras_h5(file, options, reference_folding());
}

std::string message_of(const std::string& name, const LoadOptions& options) {
  try {
    load(name, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// x W + b with W[i][j] = (2 i + j) / 4 - 0.5 and b = [0.25, -0.5]; exact in every float type.
void expect_dense(const LoadedModel& model) {
  const Tensor x = Tensor::from<float>({2, 3}, {1, 2, 4, -1, 0, 8});
  const Tensor y = evaluate_graph(model.signatures[0].graph, {x})[0];
  ASSERT_EQ(y.shape(), Shape({2, 2}));
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 2; ++column) {
      float sum = column == 0 ? 0.25f : -0.5f;
      for (int i = 0; i < 3; ++i) {
        const float weight = static_cast<float>(2 * i + column) / 4 - 0.5f;
        sum += x.data<float>()[3 * row + i] * weight;
      }
      EXPECT_FLOAT_EQ(y.data<float>()[2 * row + column], sum);
    }
  }
}

class DenseFile : public ::testing::TestWithParam<std::string> {};

TEST_P(DenseFile, GivesTheSameAnswers) {
  const LoadedModel model = load(GetParam());
  expect_dense(model);
  EXPECT_THAT(model.info.notes, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Forms, DenseFile,
    ::testing::Values("plain.h5", "half.h5", "double.h5", "big_endian.h5", "compressed.h5",
                      "latest.h5", "latest_compressed.h5", "user_block.h5", "big_attribute.h5",
                      "numbered_attributes.h5", "any_order.h5", "bare_list.h5", "keras1.h5"),
    [](const auto& test) { return test.param.substr(0, test.param.find('.')); });

// Architecture and weights as members of one folder or archive.
TEST(KerasFiles, AnArchitectureAndItsWeightsInOneFolder) {
  const auto folder = std::filesystem::temp_directory_path() / "thaw_architecture_folder";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(path_of("model.json"), folder / "model.json");
  const auto opened = [&](const LoadOptions& options = {}) {
    return load_keras_json(*open_directory(folder.string(), {}), "model.json", options,
                           reference_folding());
  };
  const auto problem = [&] {
    try {
      opened();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(problem(), HasSubstr("is an architecture without weights, and none stand beside it"));
  LoadOptions options;
  options.weights = path_of("plain.h5");
  expect_dense(opened(options));
  std::ofstream(folder / "model.npz", std::ios::binary) << "PK";
  EXPECT_THAT(problem(), HasSubstr("are read from HDF5 only"));
  std::filesystem::remove(folder / "model.npz");
  std::filesystem::copy_file(path_of("plain.h5"), folder / "model.h5");
  const LoadedModel model = opened();
  expect_dense(model);
  EXPECT_THAT(model.info.notes, ElementsAre(HasSubstr("the weights were taken from model.h5")));
  std::filesystem::copy_file(path_of("plain.h5"), folder / "model.weights.h5");
  EXPECT_THAT(problem(), HasSubstr("several files beside it could be its weights"));
  std::filesystem::remove_all(folder);
}

TEST(KerasFiles, WeightsUnderOtherNamesGoInOrderButNotByName) {
  LoadOptions options;
  options.weights = path_of("weights_only.h5");
  const LoadedModel model = load("model.json", options);
  expect_dense(model);
  EXPECT_THAT(model.info.notes, ElementsAre(HasSubstr("assigned in order")));
  options.by_name = true;
  EXPECT_THAT(message_of("model.json", options),
              HasSubstr("by name, 1 of 1 layers with weights have none in the file (none for layer "
                        "'d' (Dense)); the file has dense_7"));
  options.weights = path_of("plain.h5");
  expect_dense(load("model.json", options));
}

TEST(KerasFiles, OtherWeightsTakeThePlaceOfTheFilesOwn) {
  LoadOptions options;
  options.weights = path_of("double.h5");
  const LoadedModel model = load("bare_list.h5", options);
  expect_dense(model);
  EXPECT_THAT(model.info.notes, ElementsAre(HasSubstr("double.h5 instead of the file's own")));
  options.weights = path_of("theano_kernel.h5");
  EXPECT_THAT(message_of("plain.h5", options), HasSubstr("expected 2 arrays (kernel, bias)"));
}

TEST(KerasFiles, WeightsOnlyIsNoModel) {
  EXPECT_THAT(message_of("weights_only.h5", {}), HasSubstr("thaw::WeightStore"));
}

TEST(KerasFiles, TheanosKernelsAreTurned) {
  const LoadedModel model = load("theano_kernel.h5");
  Tensor x(DType::float32, {1, 4, 4, 1});
  x.mutable_data<float>()[5] = 1;  // row 1, column 1
  const Tensor y = evaluate_graph(model.signatures[0].graph, {x})[0];
  // A correlation with [[0, 1], [2, 3]]: the impulse meets its last element first.
  EXPECT_EQ(y.shape(), Shape({1, 3, 3, 1}));
  EXPECT_EQ(y.data<float>()[0], 3);
  EXPECT_EQ(y.data<float>()[1], 2);
  EXPECT_EQ(y.data<float>()[3], 1);
  EXPECT_EQ(y.data<float>()[4], 0);
}

TEST(KerasFiles, GatesOfKeras1AreJoinedInTodaysOrder) {
  const LoadedModel model = load("keras1_lstm.h5");
  const Tensor x = Tensor::from<float>({1, 2, 3}, {-1, -0.6f, -0.2f, 0.2f, 0.6f, 1});
  const Tensor y = evaluate_graph(model.signatures[0].graph, {x})[0];
  ASSERT_EQ(y.shape(), Shape({1, 2}));
  EXPECT_NEAR(y.data<float>()[0], -0.4512869f, 1e-6f);
  EXPECT_NEAR(y.data<float>()[1], 0.1041714f, 1e-6f);
}

}  // namespace
}  // namespace thaw::testing
