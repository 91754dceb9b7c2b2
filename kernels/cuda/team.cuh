// launch_team(queue, code): all teams of a recurrent layer, on the device or, compiled for the
// host, one after the other. team_has_room(code): whether the device can hold them.
#pragma once

#include "kernels/cuda/rnn_persistent.h"

#ifdef __CUDACC__
#include "kernels/cuda/team_device.cuh"
#else
#include "kernels/cuda/team_host.h"
#endif

namespace thaw::cuda {

/// Calls f with the team whose slices of weights and number of sequences are the shape's.
template <TeamCell kCell, class F>
auto with_team(const RnnLayer& layer, const F& f) {
  const bool alone = layer.team.at_once == 1;
  if (layer.team.per_lane == 16) {
    return alone ? f(RnnTeam<kCell, 16, 1>{layer}) : f(RnnTeam<kCell, 16, 4>{layer});
  }
  return alone ? f(RnnTeam<kCell, 32, 1>{layer}) : f(RnnTeam<kCell, 32, 4>{layer});
}

template <TeamCell kCell>
TeamCode code_of() {
  return {[](const Queue& queue, const RnnLayer& layer) {
            with_team<kCell>(layer, [&](const auto& code) { launch_team(queue, code); });
          },
          [](const TeamShape& team) {
            RnnLayer layer;
            layer.team = team;
            return with_team<kCell>(layer, [](const auto& code) { return team_has_room(code); });
          }};
}

}  // namespace thaw::cuda
