// A CUDA runtime without a GPU, in place of NVIDIA's: memory is the host's, kernels do nothing, and
// what may not stand between the begin and the end of a capture is written down.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace thaw::fake {

struct CudaRuntime {
  std::mutex mutex;
  void* capturing = nullptr;         // the stream
  std::vector<std::string> illegal;  // calls during a capture that break it or act at once
  std::map<std::string, int> calls;  // all, by name
  int captures = 0;
  int captured = 0;                           // launches, copies and fills, of all captures
  std::map<const char*, std::size_t> memory;  // of the device, and pinned
  void* callers = nullptr;                    // a stream that the caller captures
  // What it says of the room that kernels find on the device.
  int multiprocessors = 132, clusters_at_once = 16, blocks_of_multiprocessor = 1;
  bool has_code = true;
  int shared_of_block = 227 * 1024;
  int shared_allowed = 0;  // what a kernel was last allowed to take of it
  // Codes of errors: what calls give instead of success.
  int broken = 0;                           // all of them: the context is gone
  std::map<std::string, int> refuses_once;  // by name
};

CudaRuntime& cuda_runtime();

}  // namespace thaw::fake
