#include "loaders/keras/array_files.h"

#include <algorithm>
#include <map>

#include "loaders/source/json.h"
#include "loaders/source/npz.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

[[noreturn]] void no_array(const std::string& path, const std::string& name) {
  fail(ErrorCode::not_found, "{}: there is no array '{}'", printable(path, 1024), printable(name));
}

class H5Arrays final : public StoredArrays {
 public:
  H5Arrays(const H5File& file, std::unique_ptr<H5File> owned)
      : file_(file), owned_(std::move(owned)), names_(file.datasets("")) {}

  const std::string& path() const override { return file_.name(); }
  const std::vector<std::string>& names() const override { return names_; }
  bool contains(const std::string& name) const override { return file_.has_dataset(name); }
  TensorType type(const std::string& name) const override {
    if (!contains(name)) no_array(path(), name);
    return file_.dataset_type(name);
  }
  Tensor read(const std::string& name) const override {
    if (!contains(name)) no_array(path(), name);
    return file_.dataset(name);
  }

 private:
  const H5File& file_;
  std::unique_ptr<H5File> owned_;
  std::vector<std::string> names_;
};

// The datasets of several HDF5 files that together are one.
class ShardedArrays final : public StoredArrays {
 public:
  ShardedArrays(const FileTree& tree, const std::string& map, const Limits& limits)
      : path_(tree.path() + "/" + map) {
    const auto slash = map.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : map.substr(0, slash + 1);
    for (const std::string& shard : shards_of(tree.read(map), limits)) {
      if (!tree.contains(folder + shard)) {
        fail(ErrorCode::not_found, "{}: the shard '{}' is missing", printable(path_, 1024),
             printable(shard));
      }
      files_.push_back(H5File::open(tree.read(folder + shard), limits));
      for (std::string& name : files_.back()->datasets("")) add(std::move(name));
    }
    std::sort(names_.begin(), names_.end());
  }

  const std::string& path() const override { return path_; }
  const std::vector<std::string>& names() const override { return names_; }
  bool contains(const std::string& name) const override { return homes_.contains(name); }
  TensorType type(const std::string& name) const override { return home(name).dataset_type(name); }
  Tensor read(const std::string& name) const override { return home(name).dataset(name); }

 private:
  // The files that the map names, each once.
  std::vector<std::string> shards_of(const Bytes& bytes, const Limits& limits) const {
    const Json json = parse_json(bytes.text(), bytes.name, limits);
    const Json* map = json.find("weight_map");
    if (map == nullptr || !map->is_object()) {
      fail(ErrorCode::invalid_argument, "{}: has no weight_map: no map of sharded weights",
           printable(path_, 1024));
    }
    std::vector<std::string> shards;
    const auto add_shard = [&](const Json& name) {
      const bool plain = name.is_string() && !name.string().empty() &&
                         name.string().find_first_of("/\\") == std::string::npos;
      if (!plain) {
        fail(ErrorCode::invalid_argument, "{}: {} names no shard beside it", printable(path_, 1024),
             printable(name.dump()));
      }
      if (std::find(shards.begin(), shards.end(), name.string()) == shards.end()) {
        shards.push_back(name.string());
      }
      if (shards.size() > kMaxShards) {
        fail(ErrorCode::resource_exhausted, "{}: more than {} shards", printable(path_, 1024),
             kMaxShards);
      }
    };
    for (const auto& [group, files] : map->object()) {
      if (files.is_array()) {
        for (const Json& file : files.array()) add_shard(file);
      } else {
        add_shard(files);
      }
    }
    return shards;
  }

  void add(std::string name) {
    if (!homes_.emplace(name, files_.size() - 1).second) {
      fail(ErrorCode::invalid_argument, "{}: two shards hold the array '{}'",
           printable(path_, 1024), printable(name));
    }
    names_.push_back(std::move(name));
  }
  const H5File& home(const std::string& name) const {
    const auto found = homes_.find(name);
    if (found == homes_.end()) no_array(path_, name);
    return *files_[found->second];
  }

  static constexpr std::size_t kMaxShards = 10000;
  std::string path_;
  std::vector<std::unique_ptr<H5File>> files_;
  std::vector<std::string> names_;
  std::map<std::string, std::size_t> homes_;
};

class NpzArrays final : public StoredArrays {
 public:
  NpzArrays(const std::string& path, const Limits& limits) : path_(path) {
    for (auto& [name, tensor] : read_npz(path, limits)) {
      names_.push_back(name);
      tensors_.emplace(name, std::move(tensor));
    }
  }

  const std::string& path() const override { return path_; }
  const std::vector<std::string>& names() const override { return names_; }
  bool contains(const std::string& name) const override { return tensors_.contains(name); }
  TensorType type(const std::string& name) const override { return read(name).type(); }
  Tensor read(const std::string& name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) no_array(path_, name);
    return found->second;
  }

 private:
  std::string path_;
  std::vector<std::string> names_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace

std::unique_ptr<StoredArrays> h5_arrays(const H5File& file) {
  return std::make_unique<H5Arrays>(file, nullptr);
}

std::unique_ptr<StoredArrays> h5_arrays(std::unique_ptr<H5File> file) {
  const H5File& open = *file;
  return std::make_unique<H5Arrays>(open, std::move(file));
}

std::unique_ptr<StoredArrays> sharded_arrays(const FileTree& tree, const std::string& map,
                                             const Limits& limits) {
  return std::make_unique<ShardedArrays>(tree, map, limits);
}

bool is_weight_map(const Bytes& json, const Limits& limits) {
  if (json.text().find("\"weight_map\"") == std::string_view::npos) return false;
  const Json value = parse_json(json.text(), json.name, limits);
  return value.find("weight_map") != nullptr && value.find("class_name") == nullptr;
}

std::unique_ptr<StoredArrays> npz_arrays(const std::string& path, const Limits& limits) {
  return std::make_unique<NpzArrays>(path, limits);
}

}  // namespace thaw::keras
