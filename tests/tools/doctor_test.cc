// thaw doctor and --device on machines with one thing or another missing, by fake libraries.
#include <filesystem>
#include <fstream>

#include "tests/tools/fake_machine.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

const std::string kModel = THAW_SOURCE_DIR "/demo/models/keras3_digits_mlp";

void expect_reason(const std::string& environment, const std::string& reason) {
  const MachineResult doctor = with(environment, "doctor");
  EXPECT_EQ(doctor.code, 0);
  EXPECT_NE(doctor.text.find("The GPU is not used: " + reason), std::string::npos) << doctor.text;
  EXPECT_NE(doctor.text.find("To use it: "), std::string::npos) << doctor.text;
  // A session that insists says the same, and one that does not runs on the CPU.
  const std::string verify = "verify " + kModel + " --device ";
  const MachineResult insists = with(environment, verify + "cuda");
  EXPECT_EQ(insists.code, 4) << insists.text;
  EXPECT_NE(insists.text.find(reason), std::string::npos) << insists.text;
  const MachineResult either = with(environment, verify + "auto");
  EXPECT_EQ(either.code, 0) << either.text;
}

TEST(Doctor, ADriverThatDoesNotStart) {
  expect_reason(driver("init=100"), "the NVIDIA driver does not start: error 100: no such luck");
}

TEST(Doctor, ADriverThatIsTooOld) {
  expect_reason(driver("version=12040 count=1"),
                "the NVIDIA driver supports CUDA 12.4, Thaw needs 13.0");
}

TEST(Doctor, NoGpu) { expect_reason(driver("count=0"), "the NVIDIA driver sees no GPU"); }

TEST(Doctor, AGpuThatDoesNotAnswer) {
  expect_reason(driver("count=1 memory=2"), "GPU 0 does not answer");
}

TEST(Doctor, AGpuThatIsTooOld) {
  expect_reason(driver("count=1 major=6"), "Fake GPU has compute capability 6.0, Thaw needs 7.5");
}

TEST(Doctor, ALibraryThatIsNoDriver) {
  const fs::path folder =
      fs::path(::testing::TempDir()) / ("thaw_doctor_" + std::to_string(getpid()));
  fs::create_directories(folder);
  fs::copy_file(THAW_FAKES "/plugin/libthaw_cuda.so", folder / "libcuda.so.1",
                fs::copy_options::overwrite_existing);
  expect_reason("LD_LIBRARY_PATH=" + folder.string(), "libcuda.so.1 is not NVIDIA's driver");
  std::ofstream(folder / "libcuda.so.1") << "no library at all";
  expect_reason("LD_LIBRARY_PATH=" + folder.string(), "no NVIDIA driver: ");
  fs::remove_all(folder);
}

std::string plugin(const std::string& pose) {
  return driver("count=1") + " THAW_CUDA_PATH=" THAW_FAKES "/plugin FAKE_PLUGIN=" + pose;
}

TEST(Doctor, APluginOfAnotherVersion) {
  for (const char* pose : {"old", "other"}) {
    expect_reason(plugin(pose), THAW_FAKES "/plugin/libthaw_cuda.so belongs to another version");
  }
}

TEST(Doctor, AGpuThatDoesNotStart) {
  expect_reason(plugin("broken"), "the GPU does not start: the fake has no GPU");
}

TEST(Doctor, AFileThatIsNoPlugin) {
  const fs::path folder =
      fs::path(::testing::TempDir()) / ("thaw_plugin_" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "libthaw_cuda.so") << "no library at all";
  const std::string path = " THAW_CUDA_PATH=" + folder.string();
  expect_reason(driver("count=1") + path, "the plugin does not load: ");
  fs::copy_file(THAW_FAKES "/driver/libcuda.so.1", folder / "libthaw_cuda.so",
                fs::copy_options::overwrite_existing);
  expect_reason(driver("count=1") + path,
                (folder / "libthaw_cuda.so").string() + " is not a plugin");
  fs::remove_all(folder);
}

TEST(Doctor, FindsLibrariesInPipsFolders) {
  const fs::path root = fs::path(::testing::TempDir()) / ("thaw_pip_" + std::to_string(getpid()));
  const fs::path packages = root / "lib/python3.12/site-packages/nvidia";
  for (const auto& [package, file] :
       {std::pair{"cu13", "libcublasLt.so.13"}, std::pair{"cudnn", "libcudnn.so.9"}}) {
    fs::create_directories(packages / package / "lib");
    std::ofstream(packages / package / "lib" / file) << "found by name";
  }
  fs::create_directories(root / "bin");
  std::ofstream(root / "bin/python3") << "stands there";
  const std::string cudnn = (packages / "cudnn/lib/libcudnn.so.9").string();
  const std::string none = "LD_LIBRARY_PATH=" THAW_FAKES "/driver ";
  for (const auto& [environment, origin] :
       {std::pair{"THAW_CUDA_PATH=" + packages.parent_path().string(), "THAW_CUDA_PATH"},
        std::pair{"LD_LIBRARY_PATH=" THAW_FAKES "/driver:" + (packages / "cudnn/lib").string(),
                  "LD_LIBRARY_PATH"},
        std::pair{"VIRTUAL_ENV=" + root.string(), "VIRTUAL_ENV"},
        std::pair{"CONDA_PREFIX=" + root.string(), "CONDA_PREFIX"},
        std::pair{"PATH=" + (root / "bin").string() + ":/usr/bin:/bin", "python3 in PATH"}}) {
    const MachineResult doctor = with(none + environment, "doctor");
    EXPECT_NE(doctor.text.find(cudnn + " (" + origin + ")"), std::string::npos) << doctor.text;
  }
  fs::remove_all(root);
}

TEST(Doctor, ShowsThePlanOfARun) {
  const MachineResult plan = with("", "show --plan --batch 3 " + kModel + "/model.keras");
  EXPECT_EQ(plan.code, 0) << plan.text;
  EXPECT_NE(plan.text.find("matmul"), std::string::npos) << plan.text;
  EXPECT_NE(plan.text.find("float32[3, "), std::string::npos) << plan.text;
  EXPECT_NE(plan.text.find("lower bound"), std::string::npos) << plan.text;
  const MachineResult cuda =
      with(driver("count=0"), "show --plan --device cuda " + kModel + "/model.keras");
  EXPECT_EQ(cuda.code, 4) << cuda.text;
}

}  // namespace
}  // namespace thaw
