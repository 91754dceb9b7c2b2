// Two ways to run a function object over a range. The same object runs on a device, when this is
// compiled for one, and on the host, when it is not: that is how kernels are tested without a GPU.
//   launch_each(queue, count, body): body(i) for each 0 <= i < count, in no order.
//   launch_blocks(queue, count, shared_bytes, body): body(block, i) for each i by a block of
//   threads
//     that share memory. Everything in the body outside of each() and reduce() is done by every
//     thread alike; both end with all threads having arrived:
//     block.each(n, f)                         f(j) for each 0 <= j < n
//     block.reduce(n, start, map, combine)     combines map(j) for each j; a tree, so that the
//     result
//                                              does not depend on who runs it
//     block.shared<T>(bytes_before)            shared memory behind so many bytes
#pragma once

#include "kernels/cuda/element.cuh"
#include "kernels/device.h"

namespace thaw::cuda {

constexpr int kThreads = 256;                   // of a block; a power of two
constexpr std::size_t kMostShared = 48 * 1024;  // what every device has without asking
constexpr int kReduceBytes = 16;                // the largest type that is reduced

}  // namespace thaw::cuda

#ifdef __CUDACC__
#include "kernels/cuda/launch_device.cuh"
#else
#include "kernels/cuda/launch_host.h"
#endif
