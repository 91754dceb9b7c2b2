// Every golden model of Keras 3 and of tf-keras has a SavedModel twin, or says why its writer cannot
// make one.
#include <gtest/gtest.h>

#include <algorithm>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "tests/loaders/keras/cases.h"

namespace thaw::testing {
namespace {

TEST(Twins, CasesHaveASavedModelOrAReason) {
  int twins = 0, reasons = 0;
  for (const char* writer : {"keras3", "tfkeras"}) {
    for (const std::string& folder :
         case_folders(std::string(THAW_SOURCE_DIR "/tests/golden/") + writer)) {
      const Bytes file = read_file(folder + "/case.json", {});
      const Json json = parse_json(file.text(), file.name, {});
      const auto& forms = json.at("forms").array();
      const bool twin = std::ranges::any_of(
          forms, [](const Json& form) { return form.at("kind").string() == "savedmodel"; });
      const Json* not_saved = json.find("not_saved");
      const Json* reason = not_saved == nullptr ? nullptr : not_saved->find("savedmodel");
      const bool explained = reason != nullptr && !reason->string().empty();
      EXPECT_TRUE(twin || explained) << folder;
      EXPECT_FALSE(twin && reason != nullptr) << folder;
      twins += twin ? 1 : 0;
      reasons += reason != nullptr ? 1 : 0;
    }
  }
  EXPECT_GT(twins, 400);
  EXPECT_LT(reasons, 25);
}

}  // namespace
}  // namespace thaw::testing
