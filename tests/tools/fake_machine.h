// The command on machines with one thing or another missing, or replaced by fake libraries.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace thaw {

struct MachineResult {
  int code = -1;
  std::string text;  // stdout and stderr
};

inline MachineResult shell(const std::string& environment, const std::string& command) {
  const std::string whole =
      "env -u VIRTUAL_ENV -u CONDA_PREFIX " + environment + " " + command + " 2>&1";
  std::FILE* pipe = popen(whole.c_str(), "r");
  MachineResult result;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.text.append(buffer, n);
  result.code = WEXITSTATUS(pclose(pipe));
  return result;
}

/// The thaw command.
inline MachineResult with(const std::string& environment, const std::string& arguments) {
  return shell(environment, THAW_COMMAND " " + arguments);
}

/// A driver as fakes/fake_driver.cc poses.
inline std::string driver(const std::string& settings) {
  return "LD_LIBRARY_PATH=" THAW_FAKES "/driver FAKE_DRIVER='" + settings + "'";
}

/// Everything but the hardware: the plugin's door, placement, copies, recordings, and the kernels
/// as the host's compiler makes them.
inline std::string host_gpu() { return driver("count=1") + " THAW_CUDA_PATH=" THAW_FAKES "/host"; }

}  // namespace thaw
