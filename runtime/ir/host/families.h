// The families of host functions; host_functions.cc joins them.
#pragma once

#include "runtime/ir/host_functions.h"

namespace thaw::host_types {

std::span<const HostFunction> strings();
std::span<const HostFunction> lookup();
std::span<const HostFunction> linalg();
std::span<const HostFunction> signal();
std::span<const HostFunction> special();
std::span<const HostFunction> random();
std::span<const HostFunction> image();
std::span<const HostFunction> segment();
std::span<const HostFunction> sparse();
std::span<const HostFunction> ragged();
std::span<const HostFunction> example();
std::span<const HostFunction> bits();

}  // namespace thaw::host_types
