// launch_team(queue, code): all teams of a recurrent layer, on the device or, compiled for the
// host, one after the other.
#pragma once

#ifdef __CUDACC__
#include "kernels/cuda/team_device.cuh"
#else
#include "kernels/cuda/team_host.h"
#endif

namespace thaw::cuda {

template <TeamCell kCell>
void launch_cell(const Queue& queue, const RnnLayer& layer) {
  const TeamShape& team = layer.team;
  if (team.per_lane == 16 && team.at_once == 1) launch_team(queue, RnnTeam<kCell, 16, 1>{layer});
  if (team.per_lane == 16 && team.at_once == 4) launch_team(queue, RnnTeam<kCell, 16, 4>{layer});
  if (team.per_lane == 32 && team.at_once == 1) launch_team(queue, RnnTeam<kCell, 32, 1>{layer});
  if (team.per_lane == 32 && team.at_once == 4) launch_team(queue, RnnTeam<kCell, 32, 4>{layer});
}

}  // namespace thaw::cuda
