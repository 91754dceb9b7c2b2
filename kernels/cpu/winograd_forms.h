// Coefficients of the minimal filters F(2, taps): two outputs of a filter from taps + 1 products.
//
// Toom-Cook: with finite points p and infinity, the rows of kInput are the coefficients of
// prod (x - q) / (x - p), those of kWeights the powers of p over prod (p - q); kTaps gives the taps
// back from transformed weights. The points are those of 0, +-1, +-2, +-1/2 with the least rounding
// errors: 1.5 (3 taps), 2 (3 taps on two axes) and 4 times (4 and 5 taps) those of plain sums.
#pragma once

namespace thaw::cpu {

template <int kNumTaps>
struct WinogradLine;

/// Points 0, 1, -1, infinity.
template <>
struct WinogradLine<3> {
  static constexpr float kInput[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, 1, -1, 0}, {0, 1, 0, -1}};
  static constexpr float kOutput[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
  static constexpr double kWeights[4][3] = {{1, 0, 0}, {.5, .5, .5}, {-.5, .5, -.5}, {0, 0, 1}};
  static constexpr float kTaps[3][4] = {{1, 0, 0, 0}, {0, 1, 1, 0}, {0, 0, 0, 1}};
};

/// Points 0, 1, -1, -2, infinity.
template <>
struct WinogradLine<4> {
  static constexpr float kInput[5][5] = {
      {-2, -1, 2, 1, 0}, {0, 2, 3, 1, 0}, {0, -2, 1, 1, 0}, {0, -1, 0, 1, 0}, {0, -2, -1, 2, 1}};
  static constexpr float kOutput[2][5] = {{1, 1, 1, 1, 0}, {0, 1, -1, -2, 1}};
  static constexpr double kWeights[5][4] = {{-.5, 0, 0, 0},
                                            {1 / 6., 1 / 6., 1 / 6., 1 / 6.},
                                            {.5, -.5, .5, -.5},
                                            {-1 / 6., 2 / 6., -4 / 6., 8 / 6.},
                                            {0, 0, 0, 1}};
  static constexpr float kTaps[4][5] = {
      {-2, 0, 0, 0, 0}, {0, 3, -1, 0, -1}, {2, 3, 1, 0, 0}, {0, 0, 0, 0, 1}};
};

/// Points 0, 1, -1, 2, -1/2, infinity.
template <>
struct WinogradLine<5> {
  static constexpr float kInput[6][6] = {{1, 1.5F, -2, -1.5F, 1, 0}, {0, -1, -2.5F, -.5F, 1, 0},
                                         {0, 1, .5F, -2.5F, 1, 0},   {0, -.5F, -1, .5F, 1, 0},
                                         {0, 2, -1, -2, 1, 0},       {0, 1, 1.5F, -2, -1.5F, 1}};
  static constexpr float kOutput[2][6] = {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -.5F, 1}};
  static constexpr double kWeights[6][5] = {{1, 0, 0, 0, 0},
                                            {-1 / 3., -1 / 3., -1 / 3., -1 / 3., -1 / 3.},
                                            {1 / 3., -1 / 3., 1 / 3., -1 / 3., 1 / 3.},
                                            {1 / 15., 2 / 15., 4 / 15., 8 / 15., 16 / 15.},
                                            {-16 / 15., 8 / 15., -4 / 15., 2 / 15., -1 / 15.},
                                            {0, 0, 0, 0, 1}};
  static constexpr float kTaps[5][6] = {{1, 0, 0, 0, 0, 0},
                                        {-.5F, -3, -1, -2.5F, 0, 2},
                                        {-1, -1.5F, 1.5F, 0, 0, -1},
                                        {.5F, 1.5F, -.5F, 2.5F, 0, -2},
                                        {0, 0, 0, 0, 0, 1}};
};

}  // namespace thaw::cpu
