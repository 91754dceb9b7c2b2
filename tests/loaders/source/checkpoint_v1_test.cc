// Checkpoints of format V1, against the same variables in format V2.
#include "loaders/source/checkpoint_v1.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/loaders/source/table_builder.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

const std::string kRoot = THAW_SOURCE_DIR "/tests/golden/tensorflow1/checkpoints";

std::unique_ptr<TensorBundle> open(const FileTree& tree, const std::string& prefix) {
  return TensorBundle::open(tree, prefix, Limits{});
}

TEST(CheckpointV1, HoldsWhatVersion2Holds) {
  const auto first_tree = open_directory(kRoot + "/v1", Limits{});
  const auto second_tree = open_directory(kRoot + "/v2", Limits{});
  const auto first = open(*first_tree, "model.ckpt"), second = open(*second_tree, "model.ckpt-7");
  ASSERT_EQ(first->keys(), second->keys());
  ASSERT_GE(first->keys().size(), 5u);
  for (const std::string& key : first->keys()) {
    const Tensor a = first->read(key), b = second->read(key);
    EXPECT_EQ(first->type(key), b.type()) << key;
    ASSERT_EQ(a.type(), b.type()) << key;
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0) << key;
  }
  EXPECT_EQ(first->read("second/kernel").shape(), (Shape{6, 3}));  // of three slices
  EXPECT_FALSE(first->contains("no/such"));
  EXPECT_THROW(first->read("no/such"), Error);
}

// All values stand under checksums; the file's meta index is empty and is not read.
TEST(CheckpointV1, DamageIsFound) {
  std::ifstream file(kRoot + "/v1/model.ckpt", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(whole.empty());
  const fs::path folder = fs::path(::testing::TempDir()) / "checkpoint_v1_damage";
  fs::create_directories(folder);
  // All values one behind the other; empty if the file is refused.
  const auto load = [&](const std::string& bytes) -> std::string {
    std::ofstream(folder / "model.ckpt", std::ios::binary) << bytes;
    std::string values;
    try {
      const auto tree = open_directory(folder.string(), Limits{});
      const auto bundle = open(*tree, "model.ckpt");
      for (const std::string& key : bundle->keys()) {
        const Tensor tensor = bundle->read(key);
        values.append(static_cast<const char*>(tensor.data()), tensor.size_bytes());
      }
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
      return {};
    }
    return values;
  };
  const std::string good = load(whole);
  ASSERT_FALSE(good.empty());
  const std::size_t footer = whole.size() - 48;
  int refused = 0;
  for (std::size_t i = 0; i < footer; i += 7) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    const std::string values = load(damaged);
    EXPECT_TRUE(values.empty() || values == good) << "byte " << i;
    refused += values.empty();
  }
  EXPECT_GT(refused, 100);
  for (std::size_t size = 0; size < whole.size(); size += 31) {
    EXPECT_TRUE(load(whole.substr(0, size)).empty()) << size << " bytes";
  }
  fs::remove_all(folder);
}

TEST(CheckpointV1, FilesAreTheCheckpointOrItsShards) {
  const fs::path folder = fs::path(::testing::TempDir()) / "checkpoint_v1_shards";
  fs::create_directories(folder);
  for (const char* name : {"m-00000-of-00002", "m-00001-of-00002", "m-0001-of-2", "other"}) {
    std::ofstream(folder / name) << "x";
  }
  const auto tree = open_directory(folder.string(), Limits{});
  EXPECT_EQ(checkpoint_v1_files(*tree, "m"),
            (std::vector<std::string>{"m-00000-of-00002", "m-00001-of-00002"}));
  EXPECT_EQ(checkpoint_v1_files(*tree, "other"), std::vector<std::string>{"other"});
  EXPECT_TRUE(checkpoint_v1_files(*tree, "n").empty());
  fs::remove_all(folder);
}

TEST(CheckpointV1, MessagesNameTheFileAndTheProblem) {
  const fs::path folder = fs::path(::testing::TempDir()) / "checkpoint_v1_messages";
  fs::create_directories(folder);
  const auto message_of = [&](const std::string& prefix, const std::string& key) -> std::string {
    try {
      const auto tree = open_directory(folder.string(), Limits{});
      open(*tree, prefix)->read(key);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* name : {"whole", "two-00000-of-00002", "two-00001-of-00002"})
    fs::copy_file(kRoot + "/v1/model.ckpt", folder / name, fs::copy_options::overwrite_existing);
  EXPECT_NE(message_of("whole", "no/such").find("whole: there is no tensor 'no/such'"),
            std::string::npos);
  EXPECT_NE(message_of("two", "x").find("a slice that another shard holds too"), std::string::npos);
  std::ofstream(folder / "bare", std::ios::binary)
      << testing::TableBuilder(testing::table_entry(0, "a", "") + testing::kOneRestart).build();
  EXPECT_NE(message_of("bare", "x").find("bare: has no record of its tensors"), std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace thaw
