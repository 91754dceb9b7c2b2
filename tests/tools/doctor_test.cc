// thaw doctor and --device on machines with one thing or another missing, by fake libraries.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace thaw {
namespace {

namespace fs = std::filesystem;

const std::string kModel = THAW_SOURCE_DIR "/demo/models/keras3_digits_mlp";

struct DoctorResult {
  int code = -1;
  std::string text;  // stdout and stderr
};

DoctorResult shell(const std::string& environment, const std::string& command) {
  const std::string whole =
      "env -u VIRTUAL_ENV -u CONDA_PREFIX " + environment + " " + command + " 2>&1";
  std::FILE* pipe = popen(whole.c_str(), "r");
  DoctorResult result;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.text.append(buffer, n);
  result.code = WEXITSTATUS(pclose(pipe));
  return result;
}

DoctorResult with(const std::string& environment, const std::string& arguments) {
  return shell(environment, THAW_COMMAND " " + arguments);
}

std::string driver(const std::string& settings) {
  return "LD_LIBRARY_PATH=" THAW_FAKES "/driver FAKE_DRIVER='" + settings + "'";
}

void expect_reason(const std::string& environment, const std::string& reason) {
  const DoctorResult doctor = with(environment, "doctor");
  EXPECT_EQ(doctor.code, 0);
  EXPECT_NE(doctor.text.find("The GPU is not used: " + reason), std::string::npos) << doctor.text;
  EXPECT_NE(doctor.text.find("To use it: "), std::string::npos) << doctor.text;
  // A session that insists says the same, and one that does not runs on the CPU.
  const std::string verify = "verify " + kModel + " --device ";
  const DoctorResult insists = with(environment, verify + "cuda");
  EXPECT_EQ(insists.code, 4) << insists.text;
  EXPECT_NE(insists.text.find(reason), std::string::npos) << insists.text;
  const DoctorResult either = with(environment, verify + "auto");
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

TEST(Doctor, GpuCheckIsHonestWithoutAGpu) {
  const std::string check = THAW_SOURCE_DIR "/scripts/gpu-check --build ";
  const DoctorResult none = shell(driver("count=0"), check + THAW_BUILD);
  EXPECT_EQ(none.code, 4) << none.text;
  EXPECT_NE(none.text.find("the NVIDIA driver sees no GPU"), std::string::npos) << none.text;
  EXPECT_NE(none.text.find("no GPU: nothing was checked"), std::string::npos) << none.text;
  const DoctorResult dry = shell(driver("count=0"), check + THAW_BUILD " --dry-run");
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

// Everything but the hardware: the plugin's door, placement, copies, recordings, and the kernels as
// the host's compiler makes them.
const std::string kHostGpu = driver("count=1") + " THAW_CUDA_PATH=" THAW_FAKES "/host";

TEST(HostGpu, IsUsable) {
  const DoctorResult doctor = with(kHostGpu, "doctor");
  EXPECT_EQ(doctor.code, 0);
  EXPECT_NE(doctor.text.find("The GPU is used with --device cuda or auto."), std::string::npos)
      << doctor.text;
  const DoctorResult plan = with(kHostGpu, "show --plan --device cuda " THAW_SOURCE_DIR
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
  const DoctorResult verify = with(kHostGpu, "verify --quiet --device cuda" + folders);
  EXPECT_EQ(verify.code, 0) << verify.text;
}

TEST(Doctor, FindsLibrariesInPipsFolders) {
  const fs::path root = fs::path(::testing::TempDir()) / ("thaw_pip_" + std::to_string(getpid()));
  const fs::path packages = root / "lib/python3.12/site-packages/nvidia";
  for (const auto& [package, file] :
       {std::pair{"cu13", "libcublasLt.so.13"}, std::pair{"cudnn", "libcudnn.so.9"}}) {
    fs::create_directories(packages / package / "lib");
    std::ofstream(packages / package / "lib" / file) << "found by name";
  }
  const std::string cudnn = (packages / "cudnn/lib/libcudnn.so.9").string();
  const std::string none = "LD_LIBRARY_PATH=" THAW_FAKES "/driver ";
  for (const auto& [environment, origin] :
       {std::pair{"THAW_CUDA_PATH=" + packages.parent_path().string(), "THAW_CUDA_PATH"},
        std::pair{"LD_LIBRARY_PATH=" THAW_FAKES "/driver:" + (packages / "cudnn/lib").string(),
                  "LD_LIBRARY_PATH"},
        std::pair{"VIRTUAL_ENV=" + root.string(), "VIRTUAL_ENV"},
        std::pair{"CONDA_PREFIX=" + root.string(), "CONDA_PREFIX"}}) {
    const DoctorResult doctor = with(none + environment, "doctor");
    EXPECT_NE(doctor.text.find(cudnn + " (" + origin + ")"), std::string::npos) << doctor.text;
  }
  fs::remove_all(root);
}

TEST(Doctor, ShowsThePlanOfARun) {
  const DoctorResult plan = with("", "show --plan --batch 3 " + kModel + "/model.keras");
  EXPECT_EQ(plan.code, 0) << plan.text;
  EXPECT_NE(plan.text.find("matmul"), std::string::npos) << plan.text;
  EXPECT_NE(plan.text.find("float32[3, "), std::string::npos) << plan.text;
  EXPECT_NE(plan.text.find("lower bound"), std::string::npos) << plan.text;
  const DoctorResult cuda =
      with(driver("count=0"), "show --plan --device cuda " + kModel + "/model.keras");
  EXPECT_EQ(cuda.code, 4) << cuda.text;
}

}  // namespace
}  // namespace thaw
