// Why a message could not be parsed.
#pragma once

#include <string>

#include "loaders/source/file_tree.h"

namespace google::protobuf {
class Descriptor;
}

namespace thaw::tf {

/// Looks through a file that is no `message` for what no cut and no flipped bit explains: nesting
/// beyond `max_depth`, a number of more than 64 bits. Empty when there is none, which is damage.
std::string wire_fault(const Bytes& file, const google::protobuf::Descriptor& message,
                       int max_depth);

}  // namespace thaw::tf
