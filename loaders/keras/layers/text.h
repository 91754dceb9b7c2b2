// Importers of the layers that turn texts and categories into numbers.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

// lookup.cc
Outputs index_lookup(const Layer& layer, Weights& weights, GraphBuilder& g);
void index_lookup_variables(VariableList& variables);
// text_vectorization.cc
Outputs text_vectorization(const Layer& layer, Weights& weights, GraphBuilder& g);
// categories.cc
Outputs category_encoding(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs hashing(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs hashed_crossing(const Layer& layer, Weights& weights, GraphBuilder& g);
// discretization.cc
Outputs discretization(const Layer& layer, Weights& weights, GraphBuilder& g);
void discretization_variables(VariableList& variables);

/// How a layer gives its categories.
enum class OutputMode : std::uint8_t { indices, one_hot, multi_hot, count, tf_idf };
/// Reads `output_mode`. "binary" and "tf-idf" are older names.
OutputMode output_mode(const Layer& layer, const char* otherwise);
/// Categories in [0, depth) as `mode` has them; others count for nothing. `weights` may be
/// kNoValue.
ValueId encode_categories(const Layer& layer, ValueId indices, OutputMode mode, std::int64_t depth,
                          DType dtype, ValueId weights, GraphBuilder& g);
/// Decimal texts of integers.
ValueId text_of_integers(ValueId x, GraphBuilder& g);
/// The bucket of every text: SipHash under the layer's salt, FarmHash without one.
ValueId hash_buckets(const Layer& layer, ValueId texts, std::int64_t buckets, GraphBuilder& g);

/// What StringLookup and IntegerLookup know, and TextVectorization's own lookup.
class IndexLookup {
 public:
  /// `masks_empty`: TextVectorization, whose mask token is "".
  IndexLookup(const Layer& layer, Weights& weights, bool masks_empty);

  OutputMode mode() const { return mode_; }
  /// int64 for every query; in modes other than indices, what is masked has no category.
  ValueId find(ValueId queries, GraphBuilder& g) const;
  /// Rows of categories encoded.
  ValueId encode(ValueId indices, GraphBuilder& g) const;

 private:
  void read_vocabulary();
  void read_weights(Weights& weights);
  ValueId spread_unknown(ValueId queries, ValueId found, GraphBuilder& g) const;
  ValueId table(ValueId queries, GraphBuilder& g) const;
  Tensor token(const Json& value) const;
  std::int64_t unknown_start() const { return has_mask_ && mode_ == OutputMode::indices ? 1 : 0; }
  std::int64_t token_start() const { return unknown_start() + unknown_count_; }

  const Layer& layer_;
  OutputMode mode_;
  DType token_dtype_;
  std::int64_t unknown_count_ = 1;
  bool has_mask_ = false, inverse_ = false;
  Tensor mask_, unknown_;  // tokens, scalars
  Tensor tokens_;          // without the special ones
  std::int64_t depth_ = 0;
  Tensor idf_;
};

}  // namespace thaw::keras
