// What ptxas said about the kernels when they were compiled (cmake/keep-ptxas): the hot ones keep
// everything in registers.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace thaw {
namespace {

namespace fs = std::filesystem;

struct KernelUse {
  std::string name, architecture;
  int registers = 0, stack = 0, spill_stores = 0, spill_loads = 0;
};

std::vector<KernelUse> read_ptxas(std::istream& in) {
  static const std::regex kEntry(R"(Compiling entry function '(\w+)' for '(\w+)')");
  static const std::regex kSpills(
      R"((\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads)");
  static const std::regex kRegisters(R"(Used (\d+) registers)");
  std::vector<KernelUse> kernels;
  std::smatch match;
  bool of_entry = false;  // else of a function that was not put in line
  for (std::string line; std::getline(in, line);) {
    if (std::regex_search(line, match, kEntry)) {
      kernels.push_back({match[1], match[2]});
      of_entry = true;
    } else if (line.find("Function properties for") != std::string::npos) {
      of_entry = !kernels.empty() && line.find(kernels.back().name) != std::string::npos;
    } else if (of_entry && std::regex_search(line, match, kSpills)) {
      kernels.back().stack = std::stoi(match[1]);
      kernels.back().spill_stores = std::stoi(match[2]);
      kernels.back().spill_loads = std::stoi(match[3]);
    } else if (!kernels.empty() && std::regex_search(line, match, kRegisters)) {
      kernels.back().registers = std::stoi(match[1]);
    }
  }
  return kernels;
}

TEST(CudaRegisters, ReadsWhatPtxasPrints) {
  std::istringstream in(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function '_Z5firstv' for 'sm_90'\n"
      "ptxas info    : Function properties for _Z5firstv\n"
      "    8 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads\n"
      "ptxas info    : Used 254 registers, used 1 barriers\n"
      "ptxas info    : Function properties for _Z5applyv\n"
      "    99 bytes stack frame, 99 bytes spill stores, 99 bytes spill loads\n"
      "ptxas info    : Compiling entry function '_Z6secondv' for 'sm_75'\n"
      "ptxas info    : Function properties for _Z6secondv\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 32 registers\n");
  const std::vector<KernelUse> kernels = read_ptxas(in);
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].architecture, "sm_90");
  EXPECT_EQ(kernels[0].registers, 254);
  EXPECT_EQ(kernels[0].stack, 8);
  EXPECT_EQ(kernels[0].spill_stores, 16);
  EXPECT_EQ(kernels[0].spill_loads, 24);
  EXPECT_EQ(kernels[1].name, "_Z6secondv");
  EXPECT_EQ(kernels[1].registers, 32);
}

bool is_of(const KernelUse& kernel, const char* part) {
  return kernel.name.find(part) != std::string::npos;
}

/// All kernels of the plugin.
std::vector<KernelUse> kernels_of_plugin() {
  std::vector<KernelUse> kernels;
  for (const auto& entry : fs::directory_iterator(THAW_PTXAS)) {
    if (entry.path().extension() != ".ptxas") continue;
    std::ifstream in(entry.path());
    for (KernelUse& kernel : read_ptxas(in)) kernels.push_back(std::move(kernel));
  }
  return kernels;
}

// Recurrent layers, whose weights are registers, and attention, whose sums are.
TEST(CudaRegisters, HotKernelsKeepNothingInMemory) {
  std::map<std::string, int> teams, attention;  // per architecture
  for (const KernelUse& kernel : kernels_of_plugin()) {
    const bool team = is_of(kernel, "team_kernel");
    if (!team && !is_of(kernel, "AttentionBody")) continue;
    ++(team ? teams : attention)[kernel.architecture];
    EXPECT_EQ(kernel.stack + kernel.spill_stores + kernel.spill_loads, 0)
        << kernel.name << " for " << kernel.architecture << " with " << kernel.registers
        << " registers";
  }
  EXPECT_FALSE(teams.empty());
  // 4 cells, 2 slices of weights, 2 numbers of sequences, 3 kinds of teams.
  for (const auto& [architecture, count] : teams) {
    EXPECT_EQ(count, 48) << architecture;
    // 3 heights of tiles for float32 and 16 bits, 1 for float64.
    EXPECT_EQ(attention[architecture], 10) << architecture;
  }
}

// Elementwise functions and chains of them (some have a table of the stack for the sine of large
// numbers) on every architecture, all others on sm_90. What spills elsewhere is
// printed.
TEST(CudaRegisters, KernelsSpillNothing) {
  int all = 0, elementwise = 0;
  for (const KernelUse& kernel : kernels_of_plugin()) {
    ++all;
    EXPECT_LE(kernel.registers, 255);
    const bool function = is_of(kernel, "ExpressionBody") || is_of(kernel, "UnaryBody") ||
                          is_of(kernel, "BinaryBody");
    elementwise += function ? 1 : 0;
    const int spilled = kernel.spill_stores + kernel.spill_loads;
    if (function || kernel.architecture == "sm_90") {
      EXPECT_EQ(spilled, 0) << kernel.name << " for " << kernel.architecture;
    } else if (spilled > 0) {
      std::cout << "spills " << kernel.spill_stores << " bytes for " << kernel.architecture << ": "
                << kernel.name << "\n";
    }
  }
  EXPECT_GT(all, 100) << "kernels of the plugin";
  EXPECT_GT(elementwise, 16);
}

}  // namespace
}  // namespace thaw
