// The attributes of parsers as columns.
#pragma once

#include "kernels/host/example_features.h"

namespace thaw::host {

/// The shapes that `dims` lists as rank, dimensions, rank, ...
std::vector<Shape> unpack_shapes(const std::vector<std::int64_t>& dims);
/// Features of any length; `splits` may be null.
std::vector<ListColumn> list_columns(const Attributes& attributes, const char* keys,
                                     const char* types, const char* splits);
/// The dense features, whose defaults are the operands from `first` on.
std::vector<DenseColumn> dense_columns(const HostArgs& args, std::size_t first);
/// What messages call the examples. Throws unless there are no names or as many as examples.
std::vector<Place> places_of(const Tensor& serialized, const Tensor& names);

}  // namespace thaw::host
