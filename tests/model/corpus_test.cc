// The models of the folder THAW_CORPUS: each matches, or is refused by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/model/cases.h"

namespace thaw {
namespace {

// A refusal is right only where something is outside the tables: a layer or op that Thaw claims to
// open must not be refused alone.
bool names_something_unknown(const UnsupportedError& error) {
  const Supported known = supported();
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const Unsupported& item : error.items()) {
    if (!has(known.keras_layers, item.what) && !has(known.keras_operations, item.what) &&
        !has(known.tensorflow_ops, item.what)) {
      return true;
    }
  }
  return false;
}

class Corpus : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> corpus_folders() {
  const std::string root = testing::corpus_root();
  std::vector<std::string> folders;
  for (const char* part : {"/keras_h5", "/real"}) {
    for (std::string& folder : testing::case_folders(root.empty() ? "" : root + part)) {
      folders.push_back(std::move(folder));
    }
  }
  return folders;
}

TEST_P(Corpus, MatchesOrIsRefusedByName) {
  const tools::Case test = tools::read_case(GetParam());
  for (const tools::CaseForm& form : test.forms) {
    try {
      const testing::FormRun run = testing::run_form(test, form, SessionOptions{});
      EXPECT_FALSE(test.refuse) << "must be refused";
      EXPECT_TRUE(run.match) << run.report;
    } catch (const UnsupportedError& error) {
      EXPECT_TRUE(names_something_unknown(error)) << error.what();
      for (const Unsupported& item : error.items()) {
        EXPECT_FALSE(item.what.empty() || item.where.empty() || item.why.empty()) << error.what();
      }
      for (const std::string& name : test.refuse_names) {
        EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      }
      RecordProperty("refused", error.what());
      std::cout << "refused: " << error.what() << "\n";
    } catch (const Error& error) {
      ADD_FAILURE() << form.model << ": " << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Corpus, ::testing::ValuesIn(corpus_folders()),
                         [](const auto& folder) { return testing::test_name(folder.param); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Corpus);

TEST(CorpusFolder, SaysWhetherItIsThere) {
  const std::string root = testing::corpus_root();
  if (root.empty()) {
    std::cout << "THAW_CORPUS is not set: only the golden and demo models of the repo are tested\n";
    EXPECT_FALSE(testing::golden_folders().empty());
  } else {
    EXPECT_FALSE(corpus_folders().empty()) << root << " holds no cases";
  }
}

}  // namespace
}  // namespace thaw
