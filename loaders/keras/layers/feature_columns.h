// DenseFeatures and SequenceFeatures: TensorFlow's feature columns, which turn a dictionary of raw
// features into one tensor.
//
// TensorFlow passes categories on as sparse tensors. Here they are dense: every cell has a number,
// and a mask says which cells a sparse tensor would hold.
#pragma once

#include <map>
#include <string>

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs dense_features(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs sequence_features(const Layer& layer, Weights& weights, GraphBuilder& g);
void feature_variables(VariableList& variables);

/// A column as the configuration has it: {"class_name", "config"}, or the key of a raw feature.
struct FeatureColumn {
  std::string class_name;  // empty for a raw feature
  const Json* config = nullptr;
};

/// Numbers of categories, [..., cells], int64.
struct Categories {
  ValueId ids = kNoValue;
  ValueId present = kNoValue;  // bool, of the same shape; kNoValue: all
  ValueId weights = kNoValue;  // float32, of the same shape; kNoValue: 1 each
};

/// The columns of one call of a layer.
class FeatureColumns {
 public:
  FeatureColumns(const Layer& layer, GraphBuilder& g);

  /// Throws Error for what is no column.
  FeatureColumn column(const Json& json) const;
  /// [B, ...] as the column's input arrives: at least two dimensions.
  ValueId raw(const std::string& key) const;
  /// float32
  ValueId numeric(const FeatureColumn& column) const;
  /// Bins of a BucketizedColumn, int64, in the shape of its source.
  ValueId bins(const FeatureColumn& column) const;
  Categories categories(const FeatureColumn& column) const;
  /// How many categories a column tells apart.
  std::int64_t size_of(const FeatureColumn& column) const;

  /// Members of a column's configuration.
  const Json& need(const FeatureColumn& column, const char* key) const;
  std::string text(const FeatureColumn& column, const char* key) const;
  std::int64_t integer(const FeatureColumn& column, const char* key) const;
  FeatureColumn inner(const FeatureColumn& column, const char* key) const;
  std::vector<double> boundaries(const FeatureColumn& column) const;

 private:
  Categories present_of(ValueId x) const;
  Categories hashed(const FeatureColumn& column) const;
  Categories vocabulary(const FeatureColumn& column) const;
  Categories identity_of(const FeatureColumn& column) const;
  Categories weighted(const FeatureColumn& column) const;
  Categories bucketized(const FeatureColumn& column) const;
  Categories crossed(const FeatureColumn& column) const;
  struct Parts {
    std::vector<Categories> columns, raw;
  };
  void collect_keys(const FeatureColumn& cross, Parts& parts) const;
  void expect_type(const FeatureColumn& column, ValueId x) const;

  const Layer& layer_;
  GraphBuilder& g_;
  std::map<std::string, ValueId> features_;
};

}  // namespace thaw::keras
