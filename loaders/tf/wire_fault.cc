#include "loaders/tf/wire_fault.h"

#include <google/protobuf/descriptor.h>

#include <optional>
#include <vector>

#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kMostVarintBytes = 10;

// An open message, or a group of fields that the format has not.
struct OpenMessage {
  const Descriptor* type;  // null: unknown, its fields are stepped over
  std::size_t end;
  bool group;
};

class FaultSearch {
 public:
  FaultSearch(const Bytes& file, const Descriptor& message, int max_depth)
      : data_(file.data), max_depth_(static_cast<std::size_t>(max_depth)) {
    open_.push_back({&message, data_.size(), false});
  }

  std::string run() {
    while (!open_.empty() && fault_.empty()) {
      const OpenMessage message = open_.back();
      if (at_ == message.end) {
        if (message.group) break;  // the end of the group is cut off
        open_.pop_back();
        continue;
      }
      const auto tag = number(message.end);
      if (!tag || !field(message, *tag)) break;
    }
    return fault_;
  }

 private:
  std::optional<std::uint64_t> number(std::size_t end) {
    std::uint64_t value = 0;
    for (int i = 0; i < kMostVarintBytes; ++i) {
      if (at_ == end) return {};
      const auto byte = std::to_integer<std::uint64_t>(data_[at_++]);
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    fault_ = fmt::format("a number of more than {} bytes at byte {}", kMostVarintBytes, at_);
    return {};
  }

  bool skip(std::uint64_t size, std::size_t end) {
    if (size > end - at_) return false;
    at_ += size;
    return true;
  }

  bool push(const Descriptor* type, std::size_t end, bool group) {
    if (open_.size() > max_depth_) {
      fault_ = fmt::format("messages nested deeper than {} at byte {}", max_depth_, at_);
      return false;
    }
    open_.push_back({type, end, group});
    return true;
  }

  // False: the search ends here.
  bool field(const OpenMessage& message, std::uint64_t tag) {
    switch (tag & 7) {
      case 0: return number(message.end).has_value();
      case 1: return skip(8, message.end);
      case 2: {
        const auto size = number(message.end);
        if (!size || *size > message.end - at_) return false;
        const FieldDescriptor* known =
            message.type == nullptr || tag >> 3 > INT32_MAX
                ? nullptr
                : message.type->FindFieldByNumber(static_cast<int>(tag >> 3));
        if (known == nullptr || known->type() != FieldDescriptor::TYPE_MESSAGE) {
          return skip(*size, message.end);
        }
        return push(known->message_type(), at_ + *size, false);
      }
      case 3: return push(nullptr, message.end, true);
      case 4:
        if (message.group) open_.pop_back();
        return message.group;
      case 5: return skip(4, message.end);
      default: return false;
    }
  }

  std::span<const std::byte> data_;
  std::size_t max_depth_, at_ = 0;
  std::vector<OpenMessage> open_;
  std::string fault_;
};

}  // namespace

std::string wire_fault(const Bytes& file, const Descriptor& message, int max_depth) {
  return FaultSearch(file, message, max_depth).run();
}

}  // namespace thaw::tf
