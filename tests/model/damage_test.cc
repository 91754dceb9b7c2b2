// Truncated and bit-flipped golden files: always an error or the right answer, never a crash.
// (Under AddressSanitizer in the test run.)
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/model/cases.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A private copy of one form; `victim` is the file inside it that is damaged.
class Damage {
 public:
  Damage(const std::string& folder, const std::string& model, const std::string& victim)
      : test_(tools::read_case(folder)),
        root_(fs::path(::testing::TempDir()) / ("thaw_damage_" + unique())) {
    for (const tools::CaseForm& form : test_.forms) {
      if (fs::path(form.model).filename() == model) form_ = form;
    }
    fs::create_directories(root_);
    fs::copy(form_.model, root_ / model, fs::copy_options::recursive);
    form_.model = (root_ / model).string();
    if (!form_.weights.empty()) {
      fs::copy(form_.weights, root_ / "weights");
      form_.weights = (root_ / "weights").string();
    }
    victim_ = victim == "weights" ? form_.weights
              : victim.empty()    ? form_.model
                                  : form_.model + "/" + victim;
    original_ = read_all(victim_);
  }
  ~Damage() { fs::remove_all(root_); }

  std::size_t size() const { return original_.size(); }

  void truncate(std::size_t size) {
    attempt(original_.substr(0, size), "truncated to " + std::to_string(size));
  }
  void flip(std::size_t bit) {
    std::string bytes = original_;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    attempt(bytes, "bit " + std::to_string(bit) + " flipped");
  }

  /// Off: the file has no checksum over its weights, so a flipped weight may go unnoticed.
  bool checksummed = true;
  int errors = 0, right = 0, changed = 0;

 private:
  static std::string unique() {
    static int counter = 0;
    return std::to_string(::getpid()) + "_" + std::to_string(counter++);
  }

  void attempt(const std::string& bytes, const std::string& what) {
    std::ofstream(victim_, std::ios::binary) << bytes;
    try {
      const testing::FormRun run = testing::run_form(test_, form_, SessionOptions{});
      ++(run.match ? right : changed);
      if (checksummed) {
        EXPECT_TRUE(run.match) << what << ": a wrong answer instead of an error";
      }
    } catch (const Error& error) {
      ++errors;
      EXPECT_NE(error.code(), ErrorCode::internal) << what << ": " << error.what();
      EXPECT_NE(std::string(error.what()), "");
    }
  }

  tools::Case test_;
  tools::CaseForm form_;
  fs::path root_;
  std::string victim_, original_;
};

struct Target {
  const char* name;
  const char* folder;
  const char* model;
  const char* victim;
  bool checksummed;
};

class DamagedFile : public ::testing::TestWithParam<Target> {};

TEST_P(DamagedFile, GivesAnErrorOrTheRightAnswer) {
  const Target& target = GetParam();
  Damage damage(std::string(THAW_SOURCE_DIR "/") + target.folder, target.model, target.victim);
  damage.checksummed = target.checksummed;
  ASSERT_GT(damage.size(), 0u);
  std::mt19937_64 random(7);
  for (int i = 0; i < 60; ++i) damage.truncate(damage.size() * static_cast<std::size_t>(i) / 60);
  for (std::size_t cut : {1, 2, 8, 22})
    damage.truncate(damage.size() - std::min(cut, damage.size()));
  EXPECT_GT(damage.errors, 50) << "truncation went unnoticed";
  for (int i = 0; i < 150; ++i) damage.flip(random() % (damage.size() * 8));
  for (std::size_t bit = 0; bit < std::min<std::size_t>(damage.size() * 8, 512); bit += 3)
    damage.flip(bit);
}

INSTANTIATE_TEST_SUITE_P(
    Files, DamagedFile,
    ::testing::Values(
        Target{"keras_v3", "demo/models/keras3_digits_mlp", "model.keras", "", true},
        Target{"keras_v3_lstm", "demo/models/tfkeras_names_lstm", "model.keras", "", true},
        Target{"hdf5", "demo/models/tfkeras_digits_mlp", "model.h5", "", false},
        Target{"json", "demo/models/keras3_digits_mlp", "model.json", "", false},
        Target{"weights_h5", "demo/models/keras3_digits_mlp", "model.json", "weights", false},
        Target{"saved_model_pb", "demo/models/tfkeras_names_lstm", "saved_model", "saved_model.pb",
               false},
        Target{"variables_index", "demo/models/keras3_digits_mlp", "saved_model",
               "variables/variables.index", true},
        Target{"variables_data", "demo/models/keras3_digits_mlp", "saved_model",
               "variables/variables.data-00000-of-00001", true},
        Target{"saved_model_zip", "tests/golden/tfkeras/dense_nd", "saved_model.zip", "", true}),
    [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace thaw
