// What is to be run on machines with a GPU, on a machine without one.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/tools/fake_machine.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

TEST(GpuCheck, IsHonestWithoutAGpu) {
  const std::string check = THAW_SOURCE_DIR "/scripts/gpu-check --build ";
  const MachineResult none = shell(driver("count=0"), check + THAW_BUILD);
  EXPECT_EQ(none.code, 4) << none.text;
  EXPECT_NE(none.text.find("the NVIDIA driver sees no GPU"), std::string::npos) << none.text;
  EXPECT_NE(none.text.find("no GPU: nothing was checked"), std::string::npos) << none.text;
  const MachineResult dry = shell(driver("count=0"), check + THAW_BUILD " --dry-run");
  EXPECT_EQ(dry.code, 0) << dry.text;
  for (const char* part : {"ok     tools/thaw", "ok     test_cuda_device: ",
                           "models with stored answers", "ok     thaw doctor answers"}) {
    EXPECT_NE(dry.text.find(part), std::string::npos) << part << " in\n" << dry.text;
  }
  const bool python = shell("", "sh -c 'command -v python3'").code == 0;
  const char* script = python ? "ok     bench/peers/gpu.py" : "none   python3: nothing";
  EXPECT_NE(dry.text.find(script), std::string::npos) << dry.text;
  EXPECT_EQ(dry.text.find("wrong"), std::string::npos) << dry.text;
  EXPECT_EQ(shell("", check + "/no/such/build").code, 2);
  EXPECT_EQ(shell("", check + THAW_BUILD " --frobnicate").code, 2);
}

// A folder that is carried away: no repository, no environment, an empty folder to stand in.
TEST(GpuCheck, ABundleRunsWithoutTheRepository) {
  const fs::path root =
      fs::path(::testing::TempDir()) / ("thaw_bundle_" + std::to_string(getpid()));
  const fs::path elsewhere = root / "elsewhere";
  fs::create_directories(elsewhere);
  const MachineResult made =
      shell("", THAW_SOURCE_DIR "/scripts/gpu-check --build " THAW_BUILD " --bundle " +
                    (root / "made").string());
  ASSERT_EQ(made.code, 0) << made.text;
  fs::rename(root / "made", root / "carried");
  const std::string enter = "cd " + elsewhere.string() + " && ";
  const std::string bare = "env -i PATH=/usr/bin:/bin LD_LIBRARY_PATH=" THAW_FAKES "/driver ";
  const std::string check = (root / "carried/gpu-check").string();
  const MachineResult dry = shell("", "sh -c '" + enter + bare + check + " --dry-run'");
  EXPECT_EQ(dry.code, 0) << dry.text;
  for (const char* part :
       {"ok     tools/thaw\n", "ok     tests/test_cuda_device\n", "ok     thaw doctor answers",
        "models with stored answers", "ok     verify demo/models/"}) {
    EXPECT_NE(dry.text.find(part), std::string::npos) << part << " in\n" << dry.text;
  }
  EXPECT_EQ(dry.text.find("wrong"), std::string::npos) << dry.text;
  EXPECT_EQ(dry.text.find(THAW_SOURCE_DIR "/"), std::string::npos) << dry.text;
  const MachineResult none = shell("", "sh -c '" + enter + bare + check + "'");
  EXPECT_EQ(none.code, 4) << none.text;
  EXPECT_NE(none.text.find("no GPU: nothing was checked"), std::string::npos) << none.text;
  EXPECT_TRUE(fs::is_empty(elsewhere));
  // A library that is missing is seen.
  const bool carried = fs::remove(root / "carried/lib/libfmt.so.9");
  const MachineResult broken = shell("", "sh -c '" + enter + bare + check + " --dry-run'");
  EXPECT_EQ(broken.code, carried ? 1 : 0) << broken.text;
  fs::remove_all(root);
}

TEST(GpuCheck, TestsOfTheGpuSayHowManyWereSkippedAndWhy) {
  const MachineResult none =
      shell(driver("count=0"), THAW_BUILD "/tests/test_cuda_device --gtest_brief=1");
  EXPECT_EQ(none.code, 0) << none.text;
  std::smatch rows;
  const std::regex pattern("skipped: no GPU, ([0-9]+) rows: the NVIDIA driver sees no GPU");
  ASSERT_TRUE(std::regex_search(none.text, rows, pattern)) << none.text;
  EXPECT_GT(std::atoi(rows[1].str().c_str()), 1500);
  EXPECT_NE(none.text.find("skipped: no GPU, 1 recording: "), std::string::npos) << none.text;
  EXPECT_NE(none.text.find("2 tests"), std::string::npos) << none.text;
  // By these words ctest lists them as skipped.
  std::ifstream file(THAW_BUILD "/tests/CTestTestfile.cmake");
  const std::string listed(std::istreambuf_iterator<char>(file), {});
  const std::regex property("cuda_device\\.1[^\n]*SKIP_REGULAR_EXPRESSION \"skipped: no GPU\"");
  EXPECT_TRUE(std::regex_search(listed, property));
}

}  // namespace
}  // namespace thaw
