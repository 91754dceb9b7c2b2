// What the CPU backend runs itself: one row per kernel, several rows per op where the specialised
// stand first.
#pragma once

#include <memory>
#include <span>

#include "kernels/kernel.h"

namespace thaw::cpu {

/// A kernel for the site, or null to let the next row (in the end the reference backend) try.
using Prepare = std::unique_ptr<Kernel> (*)(const Site&);

struct Row {
  const char* op;    // name_of(op)
  const char* name;  // of the implementation
  Prepare prepare;
};

/// In order of preference. Static.
std::span<const Row> table();

}  // namespace thaw::cpu
