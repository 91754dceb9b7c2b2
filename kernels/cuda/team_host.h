// Teams of blocks on the host: all threads of all blocks through one phase, then through the next.
// What travels between blocks goes the way it would on the device, so that a vector that nobody
// brought is missing here too.
#pragma once

#include <cstring>
#include <vector>

#include "kernels/cuda/host_stream.h"
#include "kernels/cuda/rnn_team.cuh"

namespace thaw::cuda {

template <class Team>
class HostTeam {
 public:
  HostTeam(const Team& code, int team) : code_(code), shape_(code.layer.team), team_(team) {
    const auto ranks = static_cast<std::size_t>(shape_.ranks);
    const auto floats = static_cast<std::size_t>(shape_.shared_floats());
    memory_.assign(ranks, std::vector<Float4>(floats / 4 + 1));
    for (auto& shared : memory_) std::memset(shared.data(), 0xff, shared.size() * sizeof(Float4));
    threads_.assign(ranks, std::vector<typename Team::Thread>(kTeamThreads));
  }

  void run() {
    each([&](const TeamSeat& seat, typename Team::Thread& thread) { code_.load(seat, thread); });
    for (std::int64_t step = 0; step < code_.layer.steps; ++step) {
      run_phase<0>(step);
      if constexpr (Team::kPhases == 2) run_phase<1>(step);
    }
    each([&](const TeamSeat& seat, typename Team::Thread&) { code_.finish(seat); });
  }

 private:
  float* shared(int rank) { return memory_[static_cast<std::size_t>(rank)].front().at; }
  float* exchange(int which) {
    return code_.layer.exchange + team_ * shape_.exchange_floats() + which * shape_.vector_floats();
  }

  template <class F>
  void each(const F& f) {
    for (int rank = shape_.ranks; rank-- > 0;) {
      for (int thread = kTeamThreads; thread-- > 0;) {
        f(TeamSeat{team_, rank, thread, shared(rank)},
          threads_[static_cast<std::size_t>(rank)][static_cast<std::size_t>(thread)]);
      }
    }
  }

  /// As warps add up: every lane then has the sum.
  void add_lanes() {
    const auto lanes = static_cast<std::size_t>(shape_.lanes);
    for (auto& threads : threads_) {
      for (std::size_t distance = lanes / 2; distance > 0; distance /= 2) {
        const auto before = threads;
        for (std::size_t t = 0; t < threads.size(); ++t) {
          for (int i = 0; i < Team::kSums; ++i) {
            threads[t].sums[i] = before[t].sums[i] + before[t ^ distance].sums[i];
          }
        }
      }
    }
  }

  template <int kPhase>
  void run_phase(std::int64_t step) {
    for (int chunk = 0; chunk < code_.chunks(); ++chunk) {
      each([&](const TeamSeat& seat, typename Team::Thread& thread) {
        code_.template multiply<kPhase>(seat, thread, step, chunk);
      });
      add_lanes();
      each([&](const TeamSeat& seat, typename Team::Thread& thread) {
        code_.template compute<kPhase>(seat, thread, step, chunk);
      });
      each([&](const TeamSeat& seat, typename Team::Thread& thread) {
        const int lane = code_.lane_of(seat);
        code_.template commit<kPhase>(
            seat, thread, step, chunk,
            [&](int which, int at, float value) { publish(lane, which, at, value); });
      });
    }
    if (shape_.kind != TeamKind::grid) return;
    const int which = kPhase + 1 < Team::kPhases ? 2 : static_cast<int>(1 - (step & 1));
    for (int rank = 0; rank < shape_.ranks; ++rank) receive(rank, which);
  }

  void publish(int lane, int which, int at, float value) {
    if (shape_.kind == TeamKind::grid) {
      if (lane == 0) exchange(which)[at] = value;
      return;
    }
    for (int rank = lane; rank < shape_.ranks; rank += shape_.lanes) {
      shared(rank)[shape_.vector(which) + at] = value;
    }
  }

  void receive(int rank, int which) {
    for (int i = 0; i < shape_.vector_floats(); ++i) {
      shared(rank)[shape_.vector(which) + i] = exchange(which)[i];
    }
  }

  const Team& code_;
  const TeamShape shape_;
  int team_;
  std::vector<std::vector<Float4>> memory_;                  // per rank
  std::vector<std::vector<typename Team::Thread>> threads_;  // per rank
};

/// Teams run one after the other.
template <class Team>
bool team_has_room(const Team&) {
  return true;
}

template <class Team>
void launch_team(const Queue& queue, const Team& code) {
  static_cast<HostStream&>(queue.stream).enqueue([code] {
    for (int team = code.layer.team.all_teams(); team-- > 0;) HostTeam<Team>(code, team).run();
  });
}

}  // namespace thaw::cuda
