// Which instruction sets the vector kernels are compiled for; included before Highway's headers.
//
// A vector kernel file is compiled once per target and picks one at run time. x86: AVX-512, AVX2 +
// FMA, SSE4 and plain C++. Scalable vectors are left out: kernels keep arrays of vectors in
// registers, which types without a size do not allow.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
