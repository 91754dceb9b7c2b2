// Teams of blocks on a CUDA device. A block's threads meet at its barrier; a cluster's at the
// hardware's, behind writes to the other blocks' shared memory; a grid's blocks at a counter in
// the device's memory, through which they also exchange states.
#pragma once

#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include "kernels/cuda/counter_device.cuh"
#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/rnn_team.cuh"

namespace thaw::cuda {

/// The part of the exchange that differs between the kinds of teams.
template <TeamKind kKind>
struct TeamLink {
  const RnnLayer& layer;
  const TeamSeat& seat;
  std::uint32_t arrived = 0;  // barriers so far

  __device__ float* exchange(int which) const {
    const TeamShape& team = layer.team;
    return layer.exchange + static_cast<std::size_t>(seat.team) * team.exchange_floats() +
           which * team.vector_floats();
  }

  __device__ void publish(int lane, int which, int at, float value) const {
    const TeamShape& team = layer.team;
    if constexpr (kKind == TeamKind::grid) {
      if (lane == 0) __stcg(exchange(which) + at, value);
    } else if constexpr (kKind == TeamKind::cluster) {
#if __CUDA_ARCH__ >= 900
      const auto cluster = cooperative_groups::this_cluster();
      for (int rank = lane; rank < team.ranks; rank += team.lanes) {
        cluster.map_shared_rank(seat.shared, static_cast<unsigned>(rank))[team.vector(which) + at] =
            value;
      }
#endif
    } else {
      if (lane == 0) seat.shared[team.vector(which) + at] = value;
    }
  }

  /// All threads of the team have arrived, and see what each of them wrote before.
  __device__ void meet() {
    if constexpr (kKind == TeamKind::cluster) {
#if __CUDA_ARCH__ >= 900
      cooperative_groups::this_cluster().sync();
#endif
    } else if constexpr (kKind == TeamKind::grid) {
      __syncthreads();
      ++arrived;
      if (seat.thread == 0) {
        std::uint32_t* counter = layer.arrivals + seat.team;
        const std::uint32_t all = arrived * static_cast<std::uint32_t>(layer.team.ranks);
        __threadfence();
        add_release(counter);
        while (load_acquire(counter) < all) {
        }
      }
      __syncthreads();
    } else {
      __syncthreads();
    }
  }

  /// Brings a vector that was exchanged through the device's memory into the block's.
  __device__ void receive(int which) const {
    if constexpr (kKind == TeamKind::grid) {
      const TeamShape& team = layer.team;
      const float4* from = reinterpret_cast<const float4*>(exchange(which));
      float4* to = reinterpret_cast<float4*>(seat.shared + team.vector(which));
      const int count = team.vector_floats() / 4;
      for (int i = seat.thread; i < count; i += kTeamThreads) to[i] = __ldcg(from + i);
      __syncthreads();
    }
  }
};

template <class Team>
__device__ __forceinline__ void add_lanes(typename Team::Thread& thread, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
#pragma unroll
    for (int i = 0; i < Team::kSums; ++i) {
      thread.sums[i] += __shfl_xor_sync(0xffffffffu, thread.sums[i], distance);
    }
  }
}

template <int kPhase, class Team, class Link>
__device__ __forceinline__ void run_phase(const Team& code, const TeamSeat& seat,
                                          typename Team::Thread& thread, Link& link,
                                          std::int64_t step) {
  const int chunks = code.chunks(), lane = code.lane_of(seat);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    code.template multiply<kPhase>(seat, thread, step, chunk);
    add_lanes<Team>(thread, code.layer.team.lanes);
    code.template compute<kPhase>(seat, thread, step, chunk);
    __syncwarp();  // the lanes of a unit are of one warp: all have read its states
    code.template commit<kPhase>(seat, thread, step, chunk, [&](int which, int at, float value) {
      link.publish(lane, which, at, value);
    });
  }
  link.meet();
  link.receive(kPhase + 1 < Team::kPhases ? 2 : static_cast<int>(1 - (step & 1)));
}

template <TeamKind kKind, class Team>
__device__ __forceinline__ void run_team(const Team& code) {
  extern __shared__ __align__(16) float team_shared[];
  const int ranks = code.layer.team.ranks;
  const TeamSeat seat{static_cast<int>(blockIdx.x) / ranks, static_cast<int>(blockIdx.x) % ranks,
                      static_cast<int>(threadIdx.x), team_shared};
  TeamLink<kKind> link{code.layer, seat};
  typename Team::Thread thread;
  code.load(seat, thread);
  link.meet();
  for (std::int64_t step = 0; step < code.layer.steps; ++step) {
    run_phase<0>(code, seat, thread, link, step);
    if constexpr (Team::kPhases == 2) run_phase<1>(code, seat, thread, link, step);
  }
  code.finish(seat);
}

/// Empty where there are no clusters.
template <TeamKind kKind, class Team>
__global__ void __launch_bounds__(kTeamThreads, 1) team_kernel(const __grid_constant__ Team code) {
#if __CUDA_ARCH__ < 900
  constexpr bool kRuns = kKind != TeamKind::cluster;
#else
  constexpr bool kRuns = true;
#endif
  if constexpr (kRuns) run_team<kKind>(code);
}

/// How all teams of a layer are launched. Holds pointers into itself.
template <TeamKind kKind, class Team>
struct TeamLaunch {
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attribute{};

  explicit TeamLaunch(const TeamShape& team) {
    config.gridDim = dim3(static_cast<unsigned>(team.all_teams() * team.ranks));
    config.blockDim = dim3(kTeamThreads);
    config.dynamicSmemBytes = static_cast<std::size_t>(team.shared_floats()) * sizeof(float);
    config.attrs = &attribute;
    if (kKind == TeamKind::cluster) {
      attribute.id = cudaLaunchAttributeClusterDimension;
      attribute.val.clusterDim = {static_cast<unsigned>(team.ranks), 1, 1};
      config.numAttrs = 1;
    } else if (kKind == TeamKind::grid) {
      attribute.id = cudaLaunchAttributeCooperative;  // all blocks are there at once
      attribute.val.cooperative = 1;
      config.numAttrs = 1;
    }
  }
  TeamLaunch(const TeamLaunch&) = delete;
  TeamLaunch& operator=(const TeamLaunch&) = delete;

  /// More shared memory than every device has must be asked for: all that this one has, since
  /// layers of other sizes, in other threads and in recordings, run the same code.
  cudaError_t allow_shared() const {
    if (config.dynamicSmemBytes <= 48 * 1024) return cudaSuccess;
    int device = 0, most = 0;
    cudaError_t code = cudaGetDevice(&device);
    if (code == cudaSuccess) {
      code = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    }
    if (code != cudaSuccess) return code;
    return cudaFuncSetAttribute(team_kernel<kKind, Team>,
                                cudaFuncAttributeMaxDynamicSharedMemorySize, most);
  }
};

/// Blocks of a grid that the calling thread's device holds at once; 0 if it cannot tell.
template <class Team>
std::int64_t blocks_at_once(const cudaLaunchConfig_t& config) {
  int device = 0, multiprocessors = 0, blocks = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device) !=
          cudaSuccess ||
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, team_kernel<TeamKind::grid, Team>,
                                                    kTeamThreads,
                                                    config.dynamicSmemBytes) != cudaSuccess) {
    return 0;
  }
  return std::int64_t{multiprocessors} * blocks;
}

template <TeamKind kKind, class Team>
bool team_has_room_as(const TeamShape& team) {
  const TeamLaunch<kKind, Team> launch(team);
  bool room = launch.allow_shared() == cudaSuccess;
  if constexpr (kKind == TeamKind::cluster) {
    int clusters = 0;
    room = room &&
           cudaOccupancyMaxActiveClusters(&clusters, team_kernel<kKind, Team>, &launch.config) ==
               cudaSuccess &&
           clusters > 0;
  } else if constexpr (kKind == TeamKind::grid) {
    room = room && blocks_at_once<Team>(launch.config) >= launch.config.gridDim.x;
  }
  cudaGetLastError();  // an answer here, not an error of the next launch
  return room;
}

template <class Team>
bool team_has_room(const Team& code) {
  const TeamShape& team = code.layer.team;
  switch (team.kind) {
    case TeamKind::block: return team_has_room_as<TeamKind::block, Team>(team);
    case TeamKind::cluster: return team_has_room_as<TeamKind::cluster, Team>(team);
    case TeamKind::grid: return team_has_room_as<TeamKind::grid, Team>(team);
  }
  return false;
}

template <TeamKind kKind, class Team>
void launch_team_as(const Queue& queue, const Team& code) {
  TeamLaunch<kKind, Team> launch(code.layer.team);
  check(launch.allow_shared(), "asking for shared memory");
  launch.config.stream = native(queue.stream);
  check(cudaLaunchKernelEx(&launch.config, team_kernel<kKind, Team>, code), "a launch");
}

template <class Team>
void launch_team(const Queue& queue, const Team& code) {
  switch (code.layer.team.kind) {
    case TeamKind::block: launch_team_as<TeamKind::block>(queue, code); break;
    case TeamKind::cluster: launch_team_as<TeamKind::cluster>(queue, code); break;
    case TeamKind::grid: launch_team_as<TeamKind::grid>(queue, code); break;
  }
}

}  // namespace thaw::cuda
