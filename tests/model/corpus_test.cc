// The models of the folder THAW_CORPUS: each matches, or is refused as its case says.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/model/cases.h"

namespace thaw {
namespace {

class Corpus : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> corpus_folders() {
  const std::string root = testing::corpus_root();
  std::vector<std::string> folders;
  for (const char* part : {"/graphdef", "/keras_h5", "/real"}) {
    for (std::string& folder : testing::case_folders(root.empty() ? "" : root + part)) {
      folders.push_back(std::move(folder));
    }
  }
  return folders;
}

void expect_match(const tools::Case& test, const tools::CaseForm& form,
                  const std::vector<std::string>& fed_constants) {
  const testing::FormRun run =
      testing::run_form(test, form, SessionOptions{}, LoadOptions{}, fed_constants);
  EXPECT_FALSE(test.refuse) << "must be refused";
  EXPECT_TRUE(run.match) << run.report;
}

TEST_P(Corpus, MatchesOrIsRefusedAsTheCaseSays) {
  const tools::Case test = tools::read_case(GetParam());
  for (const tools::CaseForm& form : test.forms) {
    try {
      expect_match(test, form, {});
      // Once more with the frozen constants fed, so that nothing is folded before a kernel runs.
      if (!test.const_inputs.empty()) expect_match(test, form, test.const_inputs);
    } catch (const UnsupportedError& error) {
      EXPECT_TRUE(test.refuse) << error.what();
      for (const std::string& name : test.refuse_names) {
        EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      }
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
