// Saved models and the predictions of the Keras that wrote them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/loaders/keras/cases.h"

namespace thaw::testing {
namespace {

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, EveryFormPredictsWhatKerasDid) {
  const KerasCase test = read_case(GetParam());
  for (const Form& form : test.forms) {
    SCOPED_TRACE(form.kind + " " + form.model);
    try {
      const LoadedModel model = load_form(form);
      EXPECT_EQ(run_form(test, model), "");
      EXPECT_FALSE(model.info.layers.empty());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::vector<std::string> goldens() {
  std::vector<std::string> folders = case_folders(std::string(THAW_SOURCE_DIR) + "/tests/golden");
  for (std::string& folder : case_folders(std::string(THAW_SOURCE_DIR) + "/demo/models")) {
    folders.push_back(std::move(folder));
  }
  return folders;
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(goldens()),
                         [](const auto& folder) { return parameter_name(folder.param); });

class Corpus : public ::testing::TestWithParam<std::string> {};

TEST_P(Corpus, PredictsOrIsRefusedByName) {
  const KerasCase test = read_case(GetParam());
  for (const Form& form : test.forms) {
    SCOPED_TRACE(form.kind + " " + form.model);
    try {
      const LoadedModel model = load_form(form);
      EXPECT_FALSE(test.refuse) << "must be refused";
      if (!test.refuse) {
        EXPECT_EQ(run_form(test, model), "");
      }
    } catch (const UnsupportedError& error) {
      EXPECT_FALSE(error.items().empty());
      for (const std::string& name : test.refuse_names) {
        EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      }
      RecordProperty("refused", error.what());
      std::printf("refused: %s\n", error.what());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::vector<std::string> corpus() {
  const char* root = std::getenv("THAW_CORPUS");
  std::vector<std::string> folders;
  if (root == nullptr) return folders;
  for (const char* part : {"/keras_h5", "/real"}) {
    for (std::string& folder : case_folders(std::string(root) + part)) {
      if (!read_case(folder).forms.empty()) folders.push_back(std::move(folder));
    }
  }
  return folders;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Corpus);
INSTANTIATE_TEST_SUITE_P(Files, Corpus, ::testing::ValuesIn(corpus()),
                         [](const auto& folder) { return parameter_name(folder.param); });

}  // namespace
}  // namespace thaw::testing
