// Kernels that are one function object.
#pragma once

#include <memory>
#include <utility>

#include "kernels/kernel.h"

namespace thaw::cpu {

/// `body(args)` carries what preparation decided; `name` is a literal.
template <class Body>
std::unique_ptr<Kernel> plain_kernel(const char* name, Body body, std::size_t workspace = 0) {
  class PlainKernel final : public Kernel {
   public:
    PlainKernel(const char* name, Body body, std::size_t workspace)
        : name_(name), body_(std::move(body)) {
      workspace_ = workspace;
    }
    const char* name() const override { return name_; }
    void run(const Args& args) const override { body_(args); }

   private:
    const char* name_;
    Body body_;
  };
  return std::make_unique<PlainKernel>(name, std::move(body), workspace);
}

}  // namespace thaw::cpu
