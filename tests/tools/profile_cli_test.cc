// thaw profile, the memory that thaw show --plan prints, and what thaw verify says of compressed
// weights.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "loaders/source/json.h"

namespace thaw {
namespace {

const std::string kModels = THAW_SOURCE_DIR "/demo/models/";
const std::string kLstm = kModels + "keras3_names_lstm";

struct Output {
  int code = -1;
  std::string out;
};

Output command(const std::string& arguments) {
  std::FILE* pipe =
      popen((std::string(THAW_COMMAND) + " " + arguments + " 2>/dev/null").c_str(), "r");
  Output result;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.out.append(buffer, n);
  result.code = WEXITSTATUS(pclose(pipe));
  return result;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ProfileCommand, TimesEveryNode) {
  const Output result = command("profile " + kLstm + "/model.keras --length 7 --runs 5 --json");
  ASSERT_EQ(result.code, 0);
  const Json json = parse_json(result.out, "profile", Limits{});
  EXPECT_EQ(json.at("runs").integer(), 5);
  EXPECT_GT(json.at("us").number(), 0);
  double sum = 0;
  bool recurrent = false;
  for (const Json& node : json.at("nodes").array()) {
    EXPECT_EQ(node.at("launches").integer(), 5) << node.at("name").string();
    EXPECT_GT(node.at("bytes").number(), 0) << node.at("name").string();
    EXPECT_TRUE(has(node.at("types").string(), " -> "));
    sum += node.at("us").number();
    if (node.at("op").string() != "rnn") continue;
    recurrent = true;
    EXPECT_EQ(node.at("kernel").string(), "cpu rnn");
    EXPECT_GT(node.at("flops").number(), 0);
  }
  EXPECT_TRUE(recurrent);
  EXPECT_GT(sum, 0);
  const Output table = command("profile " + kLstm + "/model.keras --length 7");
  EXPECT_EQ(table.code, 0);
  for (const char* word : {"rnn", "gather", "us/run", "GFLOP/s", "GB/s", "float32"})
    EXPECT_TRUE(has(table.out, word)) << word << "\n" << table.out;
  EXPECT_EQ(command("profile " + kLstm + "/model.keras --runs 0").code, 2);
}

TEST(ProfileCommand, WritesAChromeTrace) {
  const std::string path =
      ::testing::TempDir() + "thaw_trace_" + std::to_string(::getpid()) + ".json";
  ASSERT_EQ(command("profile " + kLstm + "/model.keras --length 7 --runs 3 --trace " + path).code,
            0);
  std::ifstream in(path);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const Json trace = parse_json(text, path, Limits{});
  double last = 0;
  std::size_t recurrent = 0;
  for (const Json& event : trace.at("traceEvents").array()) {
    EXPECT_EQ(event.at("ph").string(), "X");
    EXPECT_GE(event.at("ts").number(), last) << "one launch after the other";
    EXPECT_GE(event.at("dur").number(), 0);
    last = event.at("ts").number() + event.at("dur").number();
    recurrent += event.at("cat").string() == "rnn" ? 1 : 0;
  }
  EXPECT_EQ(recurrent % 3, 0u);
  EXPECT_GT(recurrent, 0u);
}

TEST(ShowPlan, PrintsTheArenaBesideItsLowerBound) {
  const Output result = command("show --plan --batch 4 --length 7 " + kLstm + "/model.keras");
  EXPECT_EQ(result.code, 0);
  for (const char* word : {"steps", "[cpu rnn]", "lower bound", "ratio 1."})
    EXPECT_TRUE(has(result.out, word)) << word << "\n" << result.out;
}

TEST(VerifyCompressed, SaysWhatTheWeightsCost) {
  const std::string files = kLstm + "/model.keras -i " + kLstm + "/inputs.npz -e " + kLstm +
                            "/expected.npz --rtol 1 --atol 1 --json";
  const auto cost = [&](const std::string& form) {
    const Output result = command("verify " + files + " --weights-as " + form);
    EXPECT_EQ(result.code, 0) << result.out;
    const Json json = parse_json(result.out, "verify", Limits{});
    const Json& entry = json.array().at(0).at("compression").array().at(0);
    EXPECT_GE(entry.at("norm_wise_from_reference").number(), 0);
    return entry.at("norm_wise_from_float32").number();
  };
  const double fp16 = cost("fp16"), bf16 = cost("bf16"), int8 = cost("int8");
  EXPECT_GT(fp16, 0);
  EXPECT_LT(fp16, bf16);
  EXPECT_LT(fp16, int8);
  EXPECT_LT(int8, 0.3);
  const Output plain = command("verify " + files);
  EXPECT_EQ(parse_json(plain.out, "verify", Limits{}).array().at(0).at("compression").size(), 0u);
  EXPECT_EQ(command("verify " + files + " --weights-as fp16 --device reference").code, 2);
  EXPECT_EQ(command("verify " + files + " --weights-as fp7").code, 2);
}

}  // namespace
}  // namespace thaw
