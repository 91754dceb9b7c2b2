// The families of host functions; host_call.cc joins them.
#pragma once

#include "kernels/host_call.h"

namespace thaw::host {

std::span<const HostKernel> strings();
std::span<const HostKernel> lookup();
std::span<const HostKernel> linalg();
std::span<const HostKernel> signal();
std::span<const HostKernel> special();
std::span<const HostKernel> random();
std::span<const HostKernel> image();
std::span<const HostKernel> segment();
std::span<const HostKernel> sparse();
std::span<const HostKernel> ragged();
std::span<const HostKernel> example();
std::span<const HostKernel> bits();

}  // namespace thaw::host
