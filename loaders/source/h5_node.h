// Groups' links and objects' attributes.
#pragma once

#include <map>
#include <optional>

#include "loaders/source/h5_heap.h"
#include "loaders/source/h5_type.h"

namespace thaw::h5 {

/// Name to object address of a group's children. Throws permission_denied for soft and external
/// links, invalid_argument for names that are no names, data_loss.
std::map<std::string, std::uint64_t> read_links(const Image& image, const Object& group);

struct Attribute {
  Type type;
  Space space;
  std::span<const std::byte> data;
};
/// Nothing if the object has no such attribute.
std::optional<Attribute> find_attribute(const Image& image, const Object& object,
                                        const std::string& name);

}  // namespace thaw::h5
