// The command on a machine whose GPU is the host: all of the way but the hardware.
#include <filesystem>

#include "loaders/source/json.h"
#include "tests/tools/fake_machine.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

const std::string kDemo = THAW_SOURCE_DIR "/demo/models/";

std::string with_inputs(const std::string& name) {
  return kDemo + name + "/model.keras -i " + kDemo + name + "/inputs.npz";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string model_files(const std::string& name) {
  return with_inputs(name) + " -e " + kDemo + name + "/expected.npz";
}

TEST(HostGpu, IsUsable) {
  const MachineResult doctor = with(host_gpu(), "doctor");
  EXPECT_EQ(doctor.code, 0);
  EXPECT_NE(doctor.text.find("The GPU is used with --device cuda or auto."), std::string::npos)
      << doctor.text;
  const MachineResult plan = with(host_gpu(), "show --plan --device cuda " THAW_SOURCE_DIR
                                              "/demo/models/keras3_names_bilstm/model.keras");
  for (const char* part :
       {"of them on cuda (fake)", "[upload]", "[cuda rnn]", "[cuda gather]", "[download]"}) {
    EXPECT_NE(plan.text.find(part), std::string::npos) << part << " in\n" << plan.text;
  }
}

TEST(HostGpu, PredictsWhatEveryGoldenModelDidWhenItWasSaved) {
  std::string folders;
  int count = 0;
  for (const char* root : {THAW_SOURCE_DIR "/demo/models", THAW_SOURCE_DIR "/tests/golden"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().filename() != "case.json") continue;
      folders += " " + entry.path().parent_path().string();
      ++count;
    }
  }
  EXPECT_GT(count, 300);
  const MachineResult verify = with(host_gpu(), "verify --quiet --device cuda" + folders);
  EXPECT_EQ(verify.code, 0) << verify.text;
}

// What rounding the operands of products costs, from float32 and from float64. The fake GPU rounds
// as NVIDIA's libraries do.
TEST(HostGpu, VerifySaysWhatEachPrecisionCosts) {
  const std::string verify =
      "verify " + model_files("keras3_digits_mlp") + " --rtol 1 --atol 1 --device cuda";
  const auto cost = [&](const std::string& precision) {
    const MachineResult result = with(host_gpu(), verify + " --json --precision " + precision);
    EXPECT_EQ(result.code, 0) << result.text;
    const Json json = parse_json(result.text, "verify", Limits{});
    const Json& entry = json.array().at(0).at("compression").array().at(0);
    EXPECT_EQ(entry.at("form").string(), "precision " + precision);
    const double from_float32 = entry.at("norm_wise_from_float32").number(),
                 from_reference = entry.at("norm_wise_from_reference").number();
    // float32 itself is close to the reference beside what rounding changes.
    EXPECT_NEAR(from_float32, from_reference, 0.1 * from_reference) << precision;
    return from_reference;
  };
  const double tf32 = cost("tf32"), fp16 = cost("fp16"), bf16 = cost("bf16");
  EXPECT_GT(tf32, 1e-6);
  EXPECT_GT(fp16, 1e-6);
  EXPECT_LT(fp16, 5e-3);
  EXPECT_LT(tf32, 5e-3);
  EXPECT_GT(bf16, 2 * fp16);  // 8 bits instead of 11
  EXPECT_LT(bf16, 5e-2);
  const MachineResult text = with(host_gpu(), verify + " --precision bf16");
  EXPECT_TRUE(has(text.text, "precision bf16: norm-wise ")) << text.text;
  EXPECT_TRUE(has(text.text, " from float32, ")) << text.text;
  EXPECT_TRUE(has(text.text, " from reference float64; max abs ")) << text.text;
  const MachineResult plain = with(host_gpu(), verify + " --json");
  EXPECT_EQ(parse_json(plain.text, "verify", Limits{}).array().at(0).at("compression").size(), 0u);
  const MachineResult nowhere =
      with(host_gpu(), "verify " + model_files("keras3_digits_mlp") + " --precision bf16");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_TRUE(has(nowhere.text, "run on the cuda device only")) << nowhere.text;
}

// Activations between products are bfloat16; the input and what the last product gives are not.
TEST(HostGpu, Bf16ShowsInThePlanAndCostsLittle) {
  const std::string show = "show --plan --device cuda " + kDemo + "keras3_digits_cnn/model.keras";
  EXPECT_FALSE(has(with(host_gpu(), show).text, "bfloat16"));
  EXPECT_FALSE(has(with(host_gpu(), show + " --precision fp16").text, "float16"));
  const MachineResult plan = with(host_gpu(), show + " --precision bf16");
  EXPECT_EQ(plan.code, 0) << plan.text;
  for (const char* part : {"[cuda cast]: float32", "[cuda conv]: bfloat16", "[cuda pool]: bfloat16",
                           "[cuda softmax]: float32"}) {
    EXPECT_TRUE(has(plan.text, part)) << part << " in\n" << plan.text;
  }
  const MachineResult verify =
      with(host_gpu(), "verify " + model_files("keras3_digits_cnn") +
                           " --rtol 1 --atol 1 --device cuda --precision bf16 --json");
  EXPECT_EQ(verify.code, 0) << verify.text;
  const Json json = parse_json(verify.text, "verify", Limits{});
  const Json& entry = json.array().at(0).at("compression").array().at(0);
  const double error = entry.at("norm_wise_from_reference").number();
  EXPECT_GT(error, 1e-6);
  EXPECT_LT(error, 5e-2);
}

TEST(HostGpu, VerifyComparesTheGpuTheCpuAndTheReference) {
  const std::string against = " --device cuda --against reference";
  const MachineResult three =
      with(host_gpu(), "verify " + model_files("keras3_names_bilstm") + against);
  EXPECT_EQ(three.code, 0) << three.text;
  for (const char* part : {"against reference float64:", " on cuda ", " on cpu "}) {
    EXPECT_TRUE(has(three.text, part)) << part << " in\n" << three.text;
  }
  // Without stored predictions.
  const std::string inputs = "verify " + with_inputs("keras3_names_bilstm");
  const MachineResult alone = with(host_gpu(), inputs + against + " --json");
  EXPECT_EQ(alone.code, 0) << alone.text;
  const Json json = parse_json(alone.text, "verify", Limits{});
  const Json& outcome = json.array().at(0);
  EXPECT_EQ(outcome.at("outputs").size(), 0u);
  ASSERT_EQ(outcome.at("against_reference").size(), 2u);
  EXPECT_EQ(outcome.at("against_reference").array().at(0).at("device").string(), "cuda");
  EXPECT_EQ(outcome.at("against_reference").array().at(1).at("device").string(), "cpu");
  for (const Json& one : outcome.at("against_reference").array()) {
    EXPECT_GT(one.at("comparison").at("elements").integer(), 0);
    EXPECT_LT(one.at("comparison").at("norm_wise").number(), 1e-5);
  }
  EXPECT_EQ(with(host_gpu(), inputs).code, 2) << "neither stored predictions nor the reference";
  // What leaves the reference is a mismatch, whatever was stored.
  const MachineResult strict = with(host_gpu(), inputs + against + " --rtol 0 --atol 0");
  EXPECT_EQ(strict.code, 1) << strict.text;
  EXPECT_TRUE(has(strict.text, "MISMATCH")) << strict.text;
  // On the CPU alone there is one row.
  const MachineResult cpu = with(host_gpu(), inputs + " --against reference");
  EXPECT_EQ(cpu.code, 0) << cpu.text;
  EXPECT_TRUE(has(cpu.text, " on cpu ")) << cpu.text;
  EXPECT_EQ(with(host_gpu(), inputs + " --against nothing").code, 2);
}

TEST(HostGpu, BisectGoesThroughWhatTheGpuShows) {
  for (const char* name : {"keras3_digits_mlp", "keras3_digits_cnn", "keras3_names_bilstm"}) {
    const std::string verify = "verify " + model_files(name) + " --device cuda --bisect";
    const MachineResult all = with(host_gpu(), verify);
    EXPECT_EQ(all.code, 0) << all.text;
    EXPECT_TRUE(has(all.text, "intermediate values match reference float64")) << all.text;
    EXPECT_FALSE(has(all.text, "bisect: all 0 ")) << all.text;
  }
  const MachineResult rounded =
      with(host_gpu(), "verify " + model_files("keras3_digits_mlp") +
                           " --device cuda --precision bf16 --rtol 1e-6 --atol 1e-7 --bisect");
  EXPECT_EQ(rounded.code, 1) << rounded.text;
  EXPECT_TRUE(has(rounded.text, "the first layer that leaves reference float64 is '"))
      << rounded.text;
}

}  // namespace
}  // namespace thaw
