// Damaged files: an error of Thaw's or a model, never anything else.
#include <gtest/gtest.h>

#include <cctype>
#include <random>

#include "loaders/keras/keras.h"
#include "tests/loaders/keras/cases.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

Bytes copy_of(const std::vector<std::byte>& bytes, const std::string& name) {
  auto owner = std::make_shared<std::vector<std::byte>>(bytes);
  return Bytes{{owner->data(), owner->size()}, owner, name};
}

// 1 if it loads, 0 if it is refused.
int attempt(const std::vector<std::byte>& bytes, const std::string& name, const Limits& limits) {
  LoadOptions options;
  options.limits = limits;
  try {
    Bytes file = copy_of(bytes, name);
    if (name.ends_with(".keras")) {
      load_keras_v3(*open_zip(std::move(file), name, limits), options, reference_folding());
    } else {
      load_keras_h5(std::move(file), options, reference_folding());
    }
    return 1;
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::internal) << name << ": " << error.what();
    return 0;
  }
}

class Damage : public ::testing::TestWithParam<std::string> {};

TEST_P(Damage, FlippedAndCutFilesAreErrorsOrModels) {
  const std::string path = std::string(THAW_SOURCE_DIR) + "/tests/golden/" + GetParam();
  Limits limits;
  limits.max_total_bytes = limits.max_file_bytes = std::uint64_t{1} << 28;
  limits.max_nodes = 100'000;
  const Bytes original = read_file(path, limits);
  std::vector<std::byte> bytes(original.data.begin(), original.data.end());
  ASSERT_EQ(attempt(bytes, path, limits), 1);
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::byte> damaged = bytes;
    // Configurations and headers stand in front or at the end; flips go everywhere.
    for (int flip = 0; flip < 1 + round % 3; ++flip)
      damaged[random() % damaged.size()] ^= std::byte(1 << random() % 8);
    refused += 1 - attempt(damaged, path, limits);
  }
  for (int cut = 0; cut < 60; ++cut) {
    std::vector<std::byte> damaged = bytes;
    damaged.resize(damaged.size() * static_cast<std::size_t>(cut) / 60);
    refused += 1 - attempt(damaged, path, limits);
  }
  EXPECT_GT(refused, 60);
}

INSTANTIATE_TEST_SUITE_P(Files, Damage,
                         ::testing::Values("keras3/lstm/model.keras", "keras3/lstm/model.h5",
                                           "tfkeras/cnn_batchnorm/model.h5",
                                           "tfkeras/bidirectional_states/model.h5",
                                           "keras3/nested_frozen/model.h5",
                                           "keras3/quantised_int4_blocks/model.keras",
                                           "keras3/quantised_gptq4/model.keras",
                                           "keras3/quantised_int8/model.h5",
                                           "tfkeras/lstm/model.keras"),
                         [](const auto& file) {
                           std::string name = file.param;
                           for (char& c : name)
                             c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace thaw::testing
