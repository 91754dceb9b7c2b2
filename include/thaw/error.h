// The one exception type that Thaw throws.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "thaw/types.h"

namespace thaw {

/// What kind of failure it was; the names are those of gRPC and TensorFlow.
enum class ErrorCode {
  invalid_argument,     // input or file contradicts itself or the model's signature
  data_loss,            // file truncated or damaged
  not_found,            // file, member, tensor or signature absent
  permission_denied,    // path leaves the package; external HDF5 storage
  resource_exhausted,   // a limit of LoadOptions::limits was reached
  failed_precondition,  // e.g. weights only, without an architecture
  unimplemented,        // a layer, op, form or attribute that Thaw does not run
  device,               // the device failed
  internal,             // a bug in Thaw
};

THAW_API const char* name_of(ErrorCode code);

/// Every failure of loading, compiling and running. The message names file, place, found and
/// expected. Loading leaves nothing behind when it throws.
class THAW_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ~Error() override;
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// One layer or op that Thaw cannot run.
struct Unsupported {
  std::string what;   // class or op type, e.g. "Lambda"
  std::string where;  // layer or node name
  std::string why;    // "unknown layer", "attribute data_format=NCHW_VECT_C", ...
};

/// Thrown with all unsupported layers or ops of a model at once. Code: unimplemented.
class THAW_API UnsupportedError : public Error {
 public:
  UnsupportedError(const std::string& file, std::vector<Unsupported> items);
  ~UnsupportedError() override;
  const std::vector<Unsupported>& items() const { return items_; }

 private:
  std::vector<Unsupported> items_;
};

}  // namespace thaw
