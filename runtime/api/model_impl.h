// What a Model shares: graphs, and one program per signature, device, precision and
// form of the weights.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/exec/program.h"
#include "thaw/model.h"

namespace thaw {

struct Model::Impl {
  ModelInfo info;
  std::vector<Graph> graphs;  // behind the pass pipeline, parallel to info.signatures
  std::size_t default_signature = 0;
  bool optimize = true;  // LoadOptions::optimize

  /// Position of a signature. Throws Error(not_found) listing those there are.
  std::size_t signature_index(const std::string& name) const;
  /// Made on first use, then shared by all sessions. Throws Error(device) for a device that is
  /// absent.
  std::shared_ptr<const Program> program(std::size_t signature,
                                         const SessionOptions& options) const;
  Session session(std::size_t signature, SessionOptions options) const;

  mutable std::mutex mutex;
  mutable std::map<std::tuple<std::size_t, DeviceKind, Precision, WeightStorage>,
                   std::shared_ptr<const Program>>
      programs;
};

/// The GPU's backend. Throws Error(device) saying why there is none.
const DeviceBackend& usable_cuda();

/// A session on `program`; `defaults` stand in for inputs that are left out. With a rival (the same
/// model on another device) whichever answers sooner runs.
Session make_session(std::shared_ptr<const Program> program, std::map<std::string, Tensor> defaults,
                     const SessionOptions& options, std::shared_ptr<const Program> rival = nullptr);

}  // namespace thaw
