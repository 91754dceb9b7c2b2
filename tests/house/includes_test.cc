// Which floor may include which (docs/architecture.md, section 1): greps every #include of the
// tree.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Room (a folder) -> rooms whose headers it may include, besides its own and include/thaw.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"include/thaw", {}},
    {"runtime/base", {}},
    {"runtime/ir", {"runtime/base"}},
    {"runtime/passes", {"runtime/ir", "runtime/base"}},
    {"runtime/plan", {"runtime/passes", "kernels", "runtime/ir", "runtime/base"}},
    {"runtime/exec", {"runtime/plan", "runtime/passes", "kernels", "runtime/ir", "runtime/base"}},
    {"runtime/verify", {"runtime/base"}},
    {"runtime/api",
     {"runtime/verify", "runtime/exec", "runtime/plan", "runtime/passes", "kernels", "loaders",
      "runtime/ir", "runtime/base"}},
    {"kernels", {"runtime/ir", "runtime/base"}},
    {"kernels/reference", {"kernels", "runtime/ir", "runtime/base"}},
    {"kernels/host", {"kernels", "runtime/ir", "runtime/base"}},
    {"kernels/cpu", {"kernels", "kernels/reference", "runtime/ir", "runtime/base"}},
    {"kernels/cuda", {"kernels", "runtime/ir", "runtime/base"}},
    {"loaders", {"loaders/keras", "loaders/tf", "loaders/source", "runtime/ir", "runtime/base"}},
    {"loaders/source", {"runtime/base"}},
    {"loaders/keras", {"loaders", "loaders/source", "runtime/ir", "runtime/base"}},
    {"loaders/tf", {"loaders", "loaders/source", "runtime/ir", "runtime/base"}},
    // The command reads arrays and case files with the loaders' byte readers.
    {"tools", {"loaders/source", "runtime/verify", "runtime/base"}},
};

// Third-party headers and their home; zlib has two, for files and for tensors.
const std::vector<std::pair<std::string, std::string>> kHomes = {
    {"hdf5", "loaders/source"},        {"H5", "loaders/source"},
    {"nlohmann", "loaders/source"},    {"minizip", "loaders/source"},
    {"unzip.h", "loaders/source"},     {"ioapi.h", "loaders/source"},
    {"zlib.h", "loaders/source"},      {"leveldb", "loaders/source"},
    {"snappy", "loaders/source"},      {"yaml-cpp", "loaders/source"},
    {"google/protobuf", "loaders/tf"}, {"dnnl", "kernels/cpu"},
    {"oneapi", "kernels/cpu"},         {"hwy", "kernels/cpu"},
    {"cuda", "kernels/cuda"},          {"cudnn", "kernels/cuda"},
    {"cublas", "kernels/cuda"},        {"CLI", "tools"},
    {"Eigen", "kernels/host"},         {"unsupported/Eigen", "kernels/host"},
    {"re2", "kernels/host"},           {"utf8proc", "runtime/base"},
    {"jpeglib.h", "kernels/host"},     {"png.h", "kernels/host"},
    {"zlib.h", "kernels/host"},        {"jerror.h", "kernels/host"},
    {"libdeflate.h", "loaders/source"},
};

// The longest room that holds the file.
std::string room_of(const std::string& file) {
  std::string best;
  for (const auto& [room, allowed] : kMayInclude) {
    if (file.rfind(room + "/", 0) == 0 && room.size() > best.size()) best = room;
  }
  return best;
}

struct Include {
  std::string file, header;
  bool quoted;
};

std::vector<Include> all_includes() {
  static const std::regex kPattern(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> includes;
  const fs::path root(THAW_SOURCE_DIR);
  for (const char* top : {"include", "runtime", "kernels", "loaders", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc" && extension != ".cu" && extension != ".cuh")
        continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        std::smatch match;
        if (std::regex_search(line, match, kPattern)) {
          includes.push_back(
              {fs::relative(entry.path(), root).string(), match[2], match[1] == "\""});
        }
      }
    }
  }
  return includes;
}

TEST(House, EveryFileStandsInARoom) {
  for (const Include& include : all_includes())
    EXPECT_NE(room_of(include.file), "") << include.file;
}

TEST(House, RoomsIncludeOnlyTheFloorsBelow) {
  int checked = 0;
  for (const Include& include : all_includes()) {
    const std::string from = room_of(include.file), to = room_of(include.header);
    if (to.empty() || from == to || include.header.rfind("thaw/", 0) == 0) continue;
    ++checked;
    const auto& allowed = kMayInclude.at(from);
    EXPECT_TRUE(allowed.count(to) > 0) << include.file << " includes " << include.header;
  }
  EXPECT_GT(checked, 100);
}

TEST(House, ThirdPartyHeadersHaveOneHome) {
  for (const Include& include : all_includes()) {
    if (include.quoted && !room_of(include.header).empty()) continue;
    std::set<std::string> homes;
    for (const auto& [prefix, home] : kHomes) {
      if (include.header.rfind(prefix, 0) == 0) homes.insert(home);
    }
    EXPECT_TRUE(homes.empty() || homes.contains(room_of(include.file)))
        << include.file << " includes " << include.header;
  }
}

TEST(House, PublicHeadersAreStandardCpp17) {
  static const std::regex kStd("^[a-z_]+$");
  for (const Include& include : all_includes()) {
    if (room_of(include.file) != "include/thaw") continue;
    const bool own = include.quoted && include.header.rfind("thaw/", 0) == 0;
    EXPECT_TRUE(own || std::regex_match(include.header, kStd))
        << include.file << " includes " << include.header;
  }
}

}  // namespace
