// Models inside archives and numbered folders, opened through the public door; what is damaged or
// hostile is refused by name. tests/model/make_archives.py writes the files.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/model/cases.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

std::string archive(const std::string& name) {
  return std::string(THAW_SOURCE_DIR) + "/tests/model/archives/" + name;
}

// Loads `path` in place of the form of this kind of a golden case, and compares.
void expect_predictions(const std::string& golden, const std::string& kind, const std::string& path,
                        const LoadOptions& load = {}) {
  const tools::Case test =
      tools::read_case(std::string(THAW_SOURCE_DIR) + "/tests/golden/" + golden);
  for (tools::CaseForm form : test.forms) {
    if (form.kind != kind) continue;
    form.model = path;
    try {
      const testing::FormRun run = testing::run_form(test, form, SessionOptions{}, load);
      EXPECT_TRUE(run.match) << path << ": " << run.report;
    } catch (const Error& error) {
      ADD_FAILURE() << path << ": " << error.what();
    }
    return;
  }
  ADD_FAILURE() << golden << " has no " << kind;
}

void expect_refusal(const std::string& path, ErrorCode code, const std::string& text,
                    const LoadOptions& load = {}) {
  try {
    Model::load(path, load);
    ADD_FAILURE() << path << " was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

constexpr const char* kModel = "tfkeras/softmax_masked";
constexpr const char* kOlder = "keras3/dense_2d";

TEST(Archives, SavedModels) {
  for (const char* name : {"folder.tar", "folder.tar.gz", "folder.zip", "hub.tar.gz"})
    expect_predictions(kModel, "savedmodel", archive(name));
}

TEST(Archives, AnArchitectureAndItsWeights) {
  expect_predictions(kOlder, "keras_v3", archive("architecture.zip"));
  expect_refusal(archive("tfjs.zip"), ErrorCode::unimplemented, "a model of TensorFlow.js");
}

TEST(Archives, SingleFiles) {
  expect_predictions(kModel, "keras_v3", archive("keras_inside.zip"));
  expect_predictions(kModel, "keras_v3", archive("keras_inside.tar.gz"));
  expect_predictions(kModel, "keras_h5", archive("model.h5.gz"));
  expect_predictions("tensorflow1/arrays", "graphdef", archive("graph.pb.gz"));
}

TEST(Archives, InfoNamesTheArchive) {
  const ModelInfo info = Model::load(archive("folder.tar.gz")).info();
  EXPECT_EQ(info.path, archive("folder.tar.gz"));
  EXPECT_EQ(info.file_bytes, fs::file_size(archive("folder.tar.gz")));
}

TEST(Archives, Versions) {
  const std::string path = archive("versions.tar.gz");
  expect_predictions(kModel, "savedmodel", path);  // 0010 is the highest
  LoadOptions load;
  for (const char* version : {"2", "9", "09"}) {
    load.version = version;
    expect_predictions(kOlder, "savedmodel", path, load);
  }
  load.version = "10";
  expect_predictions(kModel, "savedmodel", path, load);
  for (const char* version : {"3", "x", "-1", "../2", "model"}) {
    load.version = version;
    expect_refusal(path, ErrorCode::not_found, "only 'model/2/', 'model/9/', 'model/0010/'", load);
  }
}

TEST(Archives, VersionsOfAFolder) {
  const fs::path root = fs::temp_directory_path() / "thaw_versions";
  fs::remove_all(root);
  const fs::path golden = fs::path(THAW_SOURCE_DIR) / "tests/golden";
  const auto add = [&](const char* version, const char* model) {
    fs::create_directories(root / version);
    fs::copy(golden / model / "saved_model", root / version, fs::copy_options::recursive);
  };
  LoadOptions load;
  add("7", kOlder);
  expect_predictions(kOlder, "savedmodel", root.string());
  add("18446744073709551617", kModel);  // beyond 64 bits
  add("draft", kOlder);                 // no number: passed over
  expect_predictions(kModel, "savedmodel", root.string());
  load.version = "7";
  expect_predictions(kOlder, "savedmodel", root.string(), load);
  expect_refusal((root / "7").string(), ErrorCode::failed_precondition,
                 "does not stand in numbered folders", load);
  add("other/1", kOlder);
  expect_refusal(root.string(), ErrorCode::invalid_argument, "holds 4 models");
  fs::remove_all(root);
}

TEST(Archives, VersionsNeedFolders) {
  LoadOptions load;
  load.version = "1";
  for (const char* name : {"folder.zip", "keras_inside.zip"}) {
    expect_refusal(archive(name), ErrorCode::failed_precondition,
                   "does not stand in numbered folders", load);
  }
  expect_refusal(archive("model.h5.gz"), ErrorCode::failed_precondition,
                 "a single file has no versions", load);
}

TEST(Archives, SeveralModels) {
  expect_refusal(archive("two_models.zip"), ErrorCode::invalid_argument,
                 "holds 2 models: give the folder of one: 'a/', 'b/'");
}

TEST(Archives, Damaged) {
  expect_refusal(archive("truncated.tar.gz"), ErrorCode::data_loss, "the gzip data ends early");
  expect_refusal(archive("wrong_crc.tar.gz"), ErrorCode::data_loss, "the gzip data is damaged");
  expect_refusal(archive("truncated.tar"), ErrorCode::data_loss,
                 "member 'saved_model.pb' is cut short");
  expect_refusal(archive("truncated.zip"), ErrorCode::data_loss, "has no zip directory at its end");
  expect_refusal(archive("wrong_data.zip"), ErrorCode::data_loss, "wrong_data.zip!saved_model.pb");
}

TEST(Archives, Hostile) {
  for (const char* kind : {".tar.gz", ".zip"}) {
    expect_refusal(archive(std::string("parent") + kind), ErrorCode::permission_denied,
                   "member '../../evil' leaves the archive by its name");
    expect_refusal(archive(std::string("absolute") + kind), ErrorCode::permission_denied,
                   "member '/etc/evil' has an absolute name");
    expect_refusal(archive(std::string("link") + kind), ErrorCode::permission_denied,
                   "member 'variables' is a symbolic link");
    LoadOptions load;
    load.limits.max_inflate_ratio = 100;
    expect_refusal(archive(std::string("bomb") + kind), ErrorCode::resource_exhausted, "bomb",
                   load);
    load.limits = Limits{};
    load.limits.max_file_bytes = 1 << 20;
    expect_refusal(archive(std::string("bomb") + kind), ErrorCode::resource_exhausted, "bomb",
                   load);
  }
  expect_refusal(archive("hard_link.tar.gz"), ErrorCode::permission_denied,
                 "member 'x' is a hard link");
  expect_refusal(archive("device.tar.gz"), ErrorCode::permission_denied,
                 "member 'x' is a device or a pipe");
  expect_refusal(archive("huge.tar.gz"), ErrorCode::data_loss,
                 "member 'saved_model.pb' is cut short: 1099511627776 bytes needed, 1024 left");
  expect_refusal(archive("nested.gz"), ErrorCode::resource_exhausted,
                 "archives within more than 4 archives");
}

// Every flipped byte ends in predictions or in a typed error.
TEST(Archives, FlippedBytes) {
  for (const char* name : {"folder.zip", "hub.tar.gz", "folder.tar"}) {
    std::ifstream in(archive(name), std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    ASSERT_FALSE(good.empty());
    const fs::path file = fs::temp_directory_path() / ("thaw_flipped_" + std::string(name));
    for (std::size_t i = 0; i < good.size(); i += good.size() / 150) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      std::ofstream(file, std::ios::binary) << bad;
      try {
        Model::load(file.string());
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
      }
    }
    fs::remove(file);
  }
}

}  // namespace
}  // namespace thaw
