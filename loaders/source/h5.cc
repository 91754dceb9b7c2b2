#include "loaders/source/h5.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "loaders/source/h5_data.h"
#include "loaders/source/h5_node.h"
#include "loaders/source/mapped.h"

namespace thaw {
namespace {

using h5::Attribute;
using h5::Object;
using h5::Space;
using h5::Type;
using h5::TypeKind;

// A group or dataset, read once.
struct Node {
  Object object;
  bool has_links = false;
  std::map<std::string, std::uint64_t> links;
};

struct Dataset {
  Type type;
  Space space;
  TensorType tensor_type;
};

void swap_bytes(std::byte* data, std::size_t count, std::size_t width) {
  if (width < 2) return;
  for (std::size_t i = 0; i < count; ++i) std::reverse(data + i * width, data + (i + 1) * width);
}

class H5Reader final : public H5File {
 public:
  H5Reader(Bytes bytes, const Limits& limits) : image_(std::move(bytes), limits), heap_(image_) {
    if (!node(image_.root()).object.is_group()) image_.damaged("the root is no group");
  }

  const std::string& name() const override { return image_.name(); }
  bool has_group(const std::string& path) const override {
    const Node* found = explain(path, [&] { return find(path); });
    return found != nullptr && found->object.is_group();
  }
  bool has_dataset(const std::string& path) const override {
    const Node* found = explain(path, [&] { return find(path); });
    return found != nullptr && found->object.is_dataset();
  }
  std::vector<std::string> children(const std::string& path) const override;
  std::vector<std::string> datasets(const std::string& path) const override;
  std::optional<std::string> text_attribute(const std::string& path,
                                            const std::string& name) const override;
  std::optional<std::vector<std::string>> list_attribute(const std::string& path,
                                                         const std::string& name) const override;
  TensorType dataset_type(const std::string& path) const override {
    return explain(path, [&] { return describe(require(path).object).tensor_type; });
  }
  Tensor dataset(const std::string& path) const override {
    return explain(path, [&] { return read(require(path).object); });
  }

 private:
  // Errors from below know the file and the structure; this adds the path.
  template <class F>
  auto explain(const std::string& path, const F& f) const -> decltype(f()) {
    try {
      return f();
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{} (at '{}')", error.what(), printable(path)));
    }
  }

  Node& node(std::uint64_t address) const;
  const std::map<std::string, std::uint64_t>& links(Node& group) const;
  Node* find(const std::string& path) const;
  Node& require(const std::string& path) const;
  Dataset describe(const Object& object) const;
  Tensor read(const Object& object) const;
  Tensor to_tensor(const Dataset& dataset, const h5::RawData& raw) const;
  std::vector<std::string> strings(const Attribute& attribute, const std::string& name) const;

  h5::Image image_;
  mutable h5::GlobalHeap heap_;
  mutable std::map<std::uint64_t, Node> nodes_;
};

Node& H5Reader::node(std::uint64_t address) const {
  const auto known = nodes_.find(address);
  if (known != nodes_.end()) return known->second;
  if (nodes_.size() >= image_.limits().max_entries) {
    image_.error(ErrorCode::resource_exhausted, "more than {} objects",
                 image_.limits().max_entries);
  }
  Node fresh;
  fresh.object = image_.object(address);
  return nodes_.emplace(address, std::move(fresh)).first->second;
}

const std::map<std::string, std::uint64_t>& H5Reader::links(Node& group) const {
  if (!group.has_links) {
    group.links = read_links(image_, group.object);
    group.has_links = true;
  }
  return group.links;
}

// Null when nothing stands there. "" is the root.
Node* H5Reader::find(const std::string& path) const {
  Node* here = &node(image_.root());
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (!here->object.is_group()) return nullptr;
    const auto& children = links(*here);
    const auto next = children.find(path.substr(begin, end - begin));
    if (next == children.end() || end + 1 == path.size()) return nullptr;
    here = &node(next->second);
    begin = end + 1;
  }
  return here;
}

Node& H5Reader::require(const std::string& path) const {
  if (Node* found = find(path)) return *found;
  image_.error(ErrorCode::not_found, "there is no such group or dataset");
}

std::vector<std::string> H5Reader::children(const std::string& path) const {
  return explain(path, [&] {
    Node& group = require(path);
    if (!group.object.is_group()) image_.error(ErrorCode::invalid_argument, "is no group");
    std::vector<std::string> names;
    for (const auto& [name, address] : links(group)) names.push_back(name);
    return names;
  });
}

std::vector<std::string> H5Reader::datasets(const std::string& path) const {
  struct Pending {
    std::string path;
    Node* node;
    int depth;
  };
  return explain(path, [&] {
    Node& top = require(path);
    if (!top.object.is_group()) image_.error(ErrorCode::invalid_argument, "is no group");
    std::vector<std::string> found;
    std::vector<Pending> pending = {{path, &top, 0}};
    std::unordered_set<const Node*> seen = {&top};
    while (!pending.empty()) {
      const Pending group = std::move(pending.back());
      pending.pop_back();
      if (group.depth > image_.limits().max_depth) {
        image_.error(ErrorCode::resource_exhausted, "groups nested deeper than {}",
                     image_.limits().max_depth);
      }
      for (const auto& [name, address] : links(*group.node)) {
        Node& child = node(address);
        std::string full = group.path.empty() ? name : group.path + "/" + name;
        if (child.object.is_dataset()) {
          found.push_back(std::move(full));
        } else if (child.object.is_group()) {
          if (!seen.insert(&child).second)
            image_.damaged("group '{}' is reached twice", printable(full));
          pending.push_back({std::move(full), &child, group.depth + 1});
        }
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  });
}

std::vector<std::string> H5Reader::strings(const Attribute& attribute,
                                           const std::string& name) const {
  if (attribute.space.count == 0) return {};
  if (attribute.type.kind != TypeKind::fixed_string &&
      attribute.type.kind != TypeKind::variable_string) {
    image_.error(ErrorCode::invalid_argument, "attribute '{}' holds no string but: {}",
                 printable(name), attribute.type.description);
  }
  return decode_strings(image_, heap_, attribute.type, attribute.space.count, attribute.data);
}

std::optional<std::string> H5Reader::text_attribute(const std::string& path,
                                                    const std::string& name) const {
  return explain(path, [&]() -> std::optional<std::string> {
    const auto attribute = find_attribute(image_, require(path).object, name);
    if (!attribute) return std::nullopt;
    if (attribute->space.is_null) return std::string();
    if (attribute->space.count != 1) {
      image_.error(ErrorCode::invalid_argument,
                   "attribute '{}' has {} elements, expected one string", printable(name),
                   attribute->space.count);
    }
    return strings(*attribute, name).front();
  });
}

std::optional<std::vector<std::string>> H5Reader::list_attribute(const std::string& path,
                                                                 const std::string& name) const {
  return explain(path, [&]() -> std::optional<std::vector<std::string>> {
    const Object& object = require(path).object;
    if (const auto whole = find_attribute(image_, object, name)) return strings(*whole, name);
    std::optional<std::vector<std::string>> joined;
    for (std::uint64_t part = 0;; ++part) {
      const std::string part_name = name + std::to_string(part);
      const auto attribute = find_attribute(image_, object, part_name);
      if (!attribute) return joined;
      if (!joined) joined.emplace();
      for (std::string& text : strings(*attribute, part_name)) joined->push_back(std::move(text));
    }
  });
}

Dataset H5Reader::describe(const Object& object) const {
  const h5::Message* type = object.find(h5::kDatatype);
  const h5::Message* space = object.find(h5::kDataspace);
  if (!object.is_dataset()) image_.error(ErrorCode::invalid_argument, "is no dataset");
  if (type == nullptr || space == nullptr) image_.damaged("a dataset without type or shape");
  if (type->is_shared() || space->is_shared()) {
    image_.error(ErrorCode::unimplemented, "a committed HDF5 datatype");
  }
  Dataset dataset;
  dataset.type = parse_type(image_, type->body);
  dataset.space = parse_space(image_, space->body);
  if (dataset.space.is_null)
    image_.error(ErrorCode::invalid_argument, "has no elements (a null dataspace)");

  DType dtype = dataset.type.dtype;
  const bool is_string =
      dataset.type.kind == TypeKind::fixed_string || dataset.type.kind == TypeKind::variable_string;
  if (is_string) dtype = DType::string;
  // Keras hands numpy's view of bfloat16, two opaque bytes, to h5py and marks it with an attribute.
  // The older whole-model format leaves the mark out.
  if (dataset.type.size == 2 && (dataset.type.kind == TypeKind::opaque || dtype == DType::uint16)) {
    const auto mark = find_attribute(image_, object, "dtype");
    const bool is_marked = mark && mark->space.count == 1 && mark->type.kind != TypeKind::number;
    const std::string text = is_marked ? strings(*mark, "dtype").front() : "";
    if (text == "bfloat16" || (!mark && dataset.type.kind == TypeKind::opaque))
      dtype = DType::bfloat16;
  }
  if (dtype == DType::invalid) {
    image_.error(ErrorCode::unimplemented, "HDF5 datatype: {}", dataset.type.description);
  }
  std::vector<std::int64_t> dims(dataset.space.dims.begin(), dataset.space.dims.end());
  dataset.tensor_type = {dtype, Shape(std::move(dims))};
  return dataset;
}

Tensor H5Reader::read(const Object& object) const {
  const Dataset dataset = describe(object);
  const h5::RawData raw = read_data(image_, object, dataset.type, dataset.space);
  if (dataset.tensor_type.dtype != DType::string) return to_tensor(dataset, raw);
  std::vector<std::string> values =
      decode_strings(image_, heap_, dataset.type, dataset.space.count, raw.bytes);
  Tensor tensor(DType::string, dataset.tensor_type.shape);
  std::move(values.begin(), values.end(), tensor.mutable_data<std::string>());
  return tensor;
}

Tensor H5Reader::to_tensor(const Dataset& dataset, const h5::RawData& raw) const {
  const TensorType& type = dataset.tensor_type;
  const std::size_t width = size_of(type.dtype);
  if (raw.bytes.empty()) return Tensor(type.dtype, type.shape);
  if (type.dtype == DType::boolean) {
    for (const std::byte value : raw.bytes) {
      if (value > std::byte{1}) image_.damaged("a bool of value {}", int(value));
    }
  }
  const bool is_native =
      dataset.type.big_endian == (std::endian::native == std::endian::big) || width == 1;
  const Bytes part = raw.owner ? Bytes{raw.bytes, raw.owner, name()} : image_.share(raw.bytes);
  if (is_native) return tensor_of(part, type.dtype, type.shape);
  Tensor tensor(type.dtype, type.shape);
  std::memcpy(tensor.mutable_data(), raw.bytes.data(), tensor.size_bytes());
  swap_bytes(static_cast<std::byte*>(tensor.mutable_data()), raw.bytes.size() / width, width);
  return tensor;
}

}  // namespace

std::unique_ptr<H5File> H5File::open(Bytes bytes, const Limits& limits) {
  return std::make_unique<H5Reader>(std::move(bytes), limits);
}

}  // namespace thaw
