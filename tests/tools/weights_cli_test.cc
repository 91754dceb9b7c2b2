// The command on files of weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "loaders/source/json.h"

namespace thaw {
namespace {

using ::testing::HasSubstr;

struct Result {
  int code = 0;
  std::string out;  // stderr behind stdout
};

Result run(const std::string& arguments) {
  const std::string line = std::string(THAW_COMMAND) + " " + arguments + " 2>&1";
  Result result;
  std::FILE* pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.out.append(buffer.data(), size);
  }
  result.code = WEXITSTATUS(pclose(pipe));
  return result;
}

std::string golden(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/golden/" + name;
}

TEST(Weights, ShowListsThem) {
  for (const char* name : {"prefix/weights", "prefix", "in_order.npz", "by_name.ckpt"}) {
    const Result result = run("show " + golden("tfkeras/weights_elsewhere/") + name);
    EXPECT_EQ(result.code, 0) << result.out;
    EXPECT_THAT(result.out, HasSubstr("weights without an architecture"));
    EXPECT_THAT(result.out, HasSubstr("float32[3, 4]"));
  }
  const Result json = run("show --json " + golden("keras3/lora/merged.weights.h5"));
  EXPECT_EQ(json.code, 0);
  const Json listed = parse_json(json.out, "show", Limits{});
  EXPECT_EQ(listed.at("weights").size(), 5u);
  EXPECT_EQ(listed.at("weights").at(0).at("name").string(), "layers/dense/vars/0");
}

TEST(Weights, ByNameIsAnOption) {
  const std::string files = THAW_SOURCE_DIR "/tests/loaders/keras/files/";
  const std::string command = "check " + files + "model.json -w " + files;
  EXPECT_EQ(run(command + "weights_only.h5").code, 0);
  const Result result = run(command + "weights_only.h5 --by-name");
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.out, HasSubstr("by name, 1 of 1 layers with weights have none"));
  EXPECT_EQ(run(command + "plain.h5 --by-name").code, 0);
}

TEST(Weights, CheckDoesNotTakeThemForAModel) {
  const Result result = run("check " + golden("keras3/lora/merged.weights.h5"));
  EXPECT_EQ(result.code, 2) << result.out;
  EXPECT_THAT(result.out, HasSubstr("thaw::WeightStore"));
}

}  // namespace
}  // namespace thaw
