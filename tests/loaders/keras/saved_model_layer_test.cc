// TFSMLayer: where its SavedModel may stand, and what is said when it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "loaders/keras/keras.h"
#include "tests/loaders/keras/cases.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kCase =
    std::string(THAW_SOURCE_DIR) + "/tests/golden/keras3/saved_model_layer_alone";
const std::string kStored = "/tmp/golden_exports/alone";  // what the file says

// A copy of the golden model in a folder of its own, with another path in its configuration.
class SavedModelLayer : public ::testing::Test {
 protected:
  SavedModelLayer() {
    root_ = fs::temp_directory_path() /
            (std::string("thaw_layer_") +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
    fs::create_directories(folder());
  }
  ~SavedModelLayer() override { fs::remove_all(root_); }

  fs::path folder() const { return root_ / "models" / "m.keras"; }
  void put_saved_model(const fs::path& place) const {
    fs::create_directories(place.parent_path());
    fs::copy(kCase + "/alone", place, fs::copy_options::recursive);
  }
  void unpack(const std::string& from, const std::string& to) const {
    const auto tree = open_zip(read_file(kCase + "/model.keras", {}), "model.keras", {});
    for (const std::string& name : tree->names()) {
      std::string text(tree->read(name).text());
      if (const auto at = text.find(from); name == "config.json" && at != std::string::npos)
        text.replace(at, from.size(), to);
      std::ofstream(folder() / name, std::ios::binary) << text;
    }
  }
  LoadedModel load() const {
    return load_keras_v3(*open_directory(folder().string(), {}), {}, reference_folding());
  }
  std::string problem(ErrorCode code) const {
    try {
      load();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
  void expect_answers() const { EXPECT_EQ(run_form(read_case(kCase), load()), ""); }

  fs::path root_;
};

TEST_F(SavedModelLayer, StandsBesideTheModelOrInIt) {
  unpack(kStored, kStored);
  put_saved_model(folder().parent_path() / "alone");
  expect_answers();
  fs::remove_all(folder().parent_path() / "alone");
  put_saved_model(folder() / "alone");
  expect_answers();
}

TEST_F(SavedModelLayer, LongerEndsOfThePathGoFirst) {
  unpack(kStored, "C:\\\\work\\\\runs\\\\alone");
  put_saved_model(folder().parent_path() / "runs" / "alone");
  fs::create_directories(folder().parent_path() / "alone");  // empty: would be an error
  expect_answers();
}

TEST_F(SavedModelLayer, IsMissing) {
  unpack(kStored, kStored);
  const std::string message = problem(ErrorCode::not_found);
  EXPECT_THAT(message, HasSubstr("layer 'tfsm_layer' (TFSMLayer): the SavedModel "
                                 "'/tmp/golden_exports/alone' is not there"));
  EXPECT_THAT(message, HasSubstr("beneath the model's folder '" + folder().parent_path().string() +
                                 "' only"));
}

TEST_F(SavedModelLayer, NeverStandsAboveTheModel) {
  put_saved_model(root_ / "alone");
  for (const std::string path :
       {"../alone", "../../alone", "x/../../alone", "/..", "..", "", ".", "/", "/etc"}) {
    unpack(kStored, path);
    EXPECT_THAT(problem(ErrorCode::not_found), HasSubstr("is not there")) << path;
  }
  unpack(kStored, (root_ / "alone").string());
  EXPECT_THAT(problem(ErrorCode::not_found), HasSubstr("is not there"));
}

TEST_F(SavedModelLayer, LinksDoNotLeadOut) {
  unpack(kStored, kStored);
  put_saved_model(root_ / "elsewhere");
  fs::create_directory_symlink(root_ / "elsewhere", folder().parent_path() / "alone");
  EXPECT_THAT(problem(ErrorCode::permission_denied), HasSubstr("leads out of the model's folder"));
}

TEST_F(SavedModelLayer, HasTheEndpoint) {
  unpack("\"serving_default\"", "\"answer\"");
  put_saved_model(folder().parent_path() / "alone");
  EXPECT_THAT(problem(ErrorCode::not_found),
              HasSubstr("has no endpoint 'answer' among its signatures: serve, serving_default"));
}

TEST_F(SavedModelLayer, PathsAreTexts) {
  unpack("\"" + kStored + "\"", "[1]");
  EXPECT_THAT(problem(ErrorCode::invalid_argument),
              HasSubstr("(TFSMLayer): filepath is [1], expected a string"));
}

TEST_F(SavedModelLayer, DamagedOnesAreNamedWithTheLayer) {
  unpack(kStored, kStored);
  const fs::path place = folder().parent_path() / "alone";
  put_saved_model(place);
  std::ofstream(place / "saved_model.pb", std::ios::binary) << "\xff\xff\xff";
  EXPECT_THAT(problem(ErrorCode::data_loss), HasSubstr("layer 'tfsm_layer' (TFSMLayer)"));
  fs::remove(place / "saved_model.pb");
  EXPECT_THAT(problem(ErrorCode::not_found), HasSubstr("layer 'tfsm_layer' (TFSMLayer)"));
}

TEST_F(SavedModelLayer, InputsFitTheFunction) {
  unpack("\"batch_shape\": [null, 3]", "\"batch_shape\": [null, 4]");
  put_saved_model(folder().parent_path() / "alone");
  EXPECT_THAT(problem(ErrorCode::invalid_argument),
              HasSubstr("the SavedModel's function takes float32[?, 3]"));
}

}  // namespace
}  // namespace thaw::testing
