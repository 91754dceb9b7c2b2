// The launches that need no backend: copies and assertions.
#pragma once

#include <memory>
#include <string>

#include "kernels/device.h"

namespace thaw {

/// Copies operand 0 to result 0; nothing when they are one memory.
std::unique_ptr<Kernel> copy_kernel();
/// The same between the memories of host and device; the host's is pinned.
std::unique_ptr<DeviceKernel> upload_kernel();
std::unique_ptr<DeviceKernel> download_kernel();
/// The same within memory that the device reaches.
std::unique_ptr<DeviceKernel> device_copy_kernel();
/// Throws Error(invalid_argument) with `message` unless all elements of operand 0 are true.
std::unique_ptr<Kernel> assert_kernel(const std::string& message);

}  // namespace thaw
