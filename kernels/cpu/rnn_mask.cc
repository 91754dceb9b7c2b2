#include "kernels/cpu/rnn_mask.h"

#include <algorithm>
#include <tuple>

namespace thaw::cpu {

void order_rows(const RnnMask& mask, RnnPlace* places) {
  std::int64_t leading = 0, trailing = 0;
  for (std::int64_t row = 0; row < mask.batch; ++row) {
    RnnPlace& place = places[row] = {row, 0, mask.steps - 1};
    while (place.first < mask.steps && !mask.at(row, place.first)) ++place.first;
    while (place.last >= place.first && !mask.at(row, place.last)) --place.last;
    if (place.first == mask.steps) place.last = -1;
    leading += place.first;
    trailing += mask.steps - 1 - place.last;
  }
  if (leading >= trailing) {
    std::sort(places, places + mask.batch, [](const RnnPlace& a, const RnnPlace& b) {
      return std::tuple(a.first, -a.last, a.row) < std::tuple(b.first, -b.last, b.row);
    });
  } else {
    std::sort(places, places + mask.batch, [](const RnnPlace& a, const RnnPlace& b) {
      return std::tuple(-a.last, a.first, a.row) < std::tuple(-b.last, b.first, b.row);
    });
  }
}

void count_rows(const RnnMask& mask, const RnnPlace* places, std::int64_t rows, std::int64_t stride,
                std::int64_t* counts) {
  std::fill_n(counts, mask.steps, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const RnnPlace& place = places[i * stride];
    for (std::int64_t t = place.first; t <= place.last; ++t) {
      if (mask.at(place.row, t)) counts[t] = i + 1;
    }
  }
}

}  // namespace thaw::cpu
