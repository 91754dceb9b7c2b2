// Feature columns and premade models: what files may say wrong, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

std::string column(const std::string& class_name, const std::string& config) {
  return "{'class_name': '" + class_name + "', 'config': {" + config + "}}";
}

const std::string kAge = column(
    "NumericColumn",
    "'key': 'x', 'shape': [2], 'default_value': null, 'dtype': 'float32', 'normalizer_fn': null");

std::string identity(const std::string& key, const std::string& buckets = "4") {
  return column("IdentityCategoricalColumn",
                "'key': '" + key + "', 'number_buckets': " + buckets + ", 'default_value': null");
}

std::string embedding(const std::string& inner, const std::string& more = "'max_norm': null") {
  return column("EmbeddingColumn", "'categorical_column': " + inner +
                                       ", 'dimension': 2, 'combiner': 'mean', 'initializer': null, "
                                       "'ckpt_to_load_from': null, 'trainable': true, " +
                                       more);
}

std::string model_of(const std::string& columns, const std::string& dtype = "float32",
                     const std::string& call = "{'x': ['x', 0, 0, {}]}",
                     const std::string& class_name = "DenseFeatures") {
  return functional(
      "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
      "'batch_input_shape': [null, 2], 'dtype': '" +
          dtype + "'}},{'class_name': '" + class_name + "', 'name': 'l', 'inbound_nodes': [" +
          call + "], 'config': {'name': 'l', 'trainable': true, 'feature_columns': [" + columns +
          "]}}",
      "[['x', 0, 0]]", "[['l', 0, 0]]");
}

Graph graph_of(const std::string& model, const Shape& weights = Shape{}) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  if (weights.rank() > 0) file.add_layer("l", {{"w", weights}});
  return import_of(config_of(model, "2.15.0"), file);
}

std::string message_of(const std::string& model, const Shape& weights = Shape{}) {
  try {
    graph_of(model, weights);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FeatureColumns, MissingCategoriesGiveZeros) {
  const Graph graph = graph_of(model_of(embedding(identity("x")), "int64"), Shape{4, 2});
  const Tensor x = Tensor::from<std::int64_t>({3, 2}, {0, 1, -1, 3, -1, -1});
  const Tensor y = evaluate_graph(graph, {x})[0];
  // Rows are (.5, 1), (1.5, 2), (2.5, 3), (3.5, 4).
  const std::vector<float> want{1, 1.5, 3.5, 4, 0, 0};
  ASSERT_EQ(y.shape(), (Shape{3, 2}));
  for (int i = 0; i < 6; ++i)
    EXPECT_FLOAT_EQ(y.data<float>()[i], want[static_cast<std::size_t>(i)]);
  const Tensor none = evaluate_graph(graph, {Tensor(DType::int64, {0, 2})})[0];
  EXPECT_EQ(none.shape(), (Shape{0, 2}));
}

TEST(FeatureColumns, AnUnknownFeatureIsNamed) {
  EXPECT_THAT(message_of(model_of(embedding(identity("y")), "int64"), Shape{4, 2}),
              HasSubstr("layer 'l' (DenseFeatures): feature 'y' is not among the inputs"));
  EXPECT_THAT(message_of(model_of(kAge, "float32", "[['x', 0, 0, {}]]")),
              HasSubstr("expected a dictionary of features"));
}

TEST(FeatureColumns, TypesMustFit) {
  EXPECT_THAT(message_of(model_of(kAge, "string")), HasSubstr("numeric column 'x' got strings"));
  EXPECT_THAT(message_of(model_of(embedding(identity("x"))), Shape{4, 2}),
              HasSubstr("column 'x' takes integers, got float32"));
  const std::string hashed =
      column("HashedCategoricalColumn", "'key': 'x', 'hash_bucket_size': 4, 'dtype': 'string'");
  EXPECT_THAT(message_of(model_of(embedding(hashed), "int64"), Shape{4, 2}),
              HasSubstr("column 'x' is of string, got int64"));
}

TEST(FeatureColumns, RefusalsSayTheWayOut) {
  const std::string lambda =
      column("NumericColumn", "'key': 'x', 'shape': [2], 'normalizer_fn': 'f'");
  EXPECT_THAT(message_of(model_of(lambda)),
              HasSubstr("numeric column 'x' has a normalizer_fn, a Python function"));
  const std::string file = column("VocabularyFileCategoricalColumn",
                                  "'key': 'x', 'vocabulary_file': '/etc/words', "
                                  "'hash_bucket_size': 4");
  EXPECT_THAT(message_of(model_of(embedding(file), "string"), Shape{4, 2}),
              HasSubstr("has its vocabulary in a file outside of the model ('/etc/words')"));
  EXPECT_THAT(message_of(model_of(embedding(identity("x"),
                                            "'max_norm': null, "
                                            "'use_safe_embedding_lookup': false"),
                                  "int64"),
                         Shape{4, 2}),
              HasSubstr("use_safe_embedding_lookup=False"));
  EXPECT_THAT(message_of(model_of(column("SharedEmbeddingColumn", ""))),
              HasSubstr("shared embedding columns"));
  EXPECT_THAT(message_of(model_of(column("MyColumn", ""))), HasSubstr("feature column MyColumn"));
}

TEST(FeatureColumns, ContradictionsAreErrors) {
  for (const auto& [columns, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "no feature_columns"},
           {"3", "expected a feature column, found 3"},
           {embedding(identity("x", "0")), "0 categories"},
           {embedding(identity("x", "'four'")), "number_buckets of a IdentityCategoricalColumn"},
           {embedding(identity("x", "99999999999")), "99999999999 categories"},
           {column("EmbeddingColumn", "'dimension': 2"), "a EmbeddingColumn has no"},
           {column("BucketizedColumn", "'source_column': " + kAge + ", 'boundaries': [2, 1]"),
            "boundaries must be in ascending order"},
           {column("IndicatorColumn",
                   "'categorical_column': " +
                       column("CrossedColumn",
                              "'keys': ['x'], 'hash_bucket_size': 3, 'hash_key': null")),
            "a cross needs two columns"},
           {column("IndicatorColumn",
                   "'categorical_column': " + column("SequenceCategoricalColumn",
                                                     "'categorical_column': " + identity("x"))),
            "DenseFeatures takes no columns of sequences"}}) {
    EXPECT_THAT(message_of(model_of(columns, "int64"), Shape{4, 2}), HasSubstr(why)) << columns;
  }
  const std::string bins =
      column("BucketizedColumn", "'source_column': " + kAge + ", 'boundaries': [1, 2]");
  const auto crossed = [](const std::string& keys) {
    return column("IndicatorColumn", "'categorical_column': " +
                                         column("CrossedColumn", "'keys': [" + keys +
                                                                     "], 'hash_bucket_size': 3, "
                                                                     "'hash_key': null"));
  };
  const auto words = [](const std::string& list) {
    return embedding(column("VocabularyListCategoricalColumn",
                            "'key': 'x', 'dtype': 'int64', 'default_value': -1, 'num_oov_buckets': "
                            "0, 'vocabulary_list': " +
                                list));
  };
  std::string many;
  for (int i = 0; i < 65; ++i) many += i == 0 ? "'x'" : ", 'x'";
  const std::string weighted =
      column("WeightedCategoricalColumn", "'categorical_column': " + identity("x") +
                                              ", 'weight_feature_key': 'x', 'dtype': 'float32'");
  for (const auto& [columns, why] : std::vector<std::pair<std::string, std::string>>{
           {column("NumericColumn",
                   "'key': 'x', 'shape': [0], 'default_value': null, 'dtype': "
                   "'float32', 'normalizer_fn': null"),
            "a numeric column of [0]"},
           {column("BucketizedColumn", "'source_column': " + kAge + ", 'boundaries': 'x'"),
            "boundaries must be a list"},
           {column("BucketizedColumn", "'source_column': " + kAge + ", 'boundaries': ['x']"),
            "boundaries must be numbers"},
           {embedding(identity("x"), "'max_norm': 'x'"), "max_norm is "},
           {words("7"), "vocabulary_list must be a list"},
           {words("[1, 'a', 2, 3]"), "vocabulary_list holds "},
           {crossed(many), "a cross of more than 64 columns"},
           {crossed(weighted + ", 'x'"), "a cross of a weighted column"},
           {crossed(bins + ", 'x'"), "a bucketized column of [?, 2, 2]"}}) {
    const bool pictures = why.starts_with("a bucketized");
    std::string model = model_of(columns, "int64");
    const std::string shape = "[null, 2]";
    if (pictures) model.replace(model.find(shape), shape.size(), "[null, 2, 2]");
    EXPECT_THAT(message_of(model, Shape{4, 2}), HasSubstr(why)) << columns;
  }
  EXPECT_THAT(message_of(model_of(embedding(identity("x")), "int64", "{'x': ['x', 0, 0, {}]}",
                                  "SequenceFeatures"),
                         Shape{4, 2}),
              HasSubstr("SequenceFeatures takes columns of sequences only"));
  EXPECT_THAT(message_of(model_of(embedding(identity("x", "5")), "int64"), Shape{4, 2}),
              HasSubstr("expected shape [5, 2], found [4, 2]"));
}

std::string premade(const std::string& class_name, const std::string& config,
                    const std::string& build) {
  return "{'module': 'keras.experimental', 'class_name': '" + class_name +
         "', 'config': {'name': 'm', 'trainable': true, 'dtype': 'float32'" + config +
         "}, 'registered_name': null" + build + "}";
}

std::string problem(const std::string& json, std::int64_t features = 3) {
  MemoryH5 file;
  file.add_array("layers/dense/vars/0", Shape{features, 2});
  file.add_array("vars/0", Shape{2});
  try {
    import_of(config_of(json, "2.15.0"), file, true);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(PremadeModels, StandAloneForAnyBatch) {
  MemoryH5 file;
  file.add_array("layers/dense/vars/0", Shape{2, 2});
  file.add_array("vars/0", Shape{2});
  const Graph graph = import_of(
      config_of(premade("LinearModel", ", 'units': 2", ", 'build_config': {'input_shape': [7, 2]}"),
                "2.15.0"),
      file, true);
  const Tensor y = evaluate_graph(graph, {Tensor::from<float>({1, 2}, {2, 4})})[0];
  // W = [[.5, 1], [1.5, 2]], b = [.5, 1].
  EXPECT_FLOAT_EQ(y.data<float>()[0], 2 * 0.5f + 4 * 1.5f + 0.5f);
  EXPECT_FLOAT_EQ(y.data<float>()[1], 2 * 1 + 4 * 2 + 1);
}

TEST(PremadeModels, MustHaveBeenBuilt) {
  EXPECT_THAT(problem(premade("LinearModel", ", 'units': 2", "")),
              HasSubstr("model 'm' (LinearModel) was saved before it was built"));
  EXPECT_THAT(
      problem(premade("LinearModel", ", 'units': 2", ", 'build_config': {'input_shape': 3}")),
      HasSubstr("expected input shapes, found 3"));
  EXPECT_THAT(problem(premade("WideDeepModel", "", ", 'build_config': {'input_shape': [null, 3]}")),
              HasSubstr("linear_model is missing"));
}

TEST(PremadeModels, BothPartsHaveAsManyOutputs) {
  const std::string shapes = "'build_config': {'input_shape': [null, 3]}";
  const std::string linear =
      "{'class_name': 'LinearModel', 'config': {'name': 'a', 'units': 2, 'trainable': true}, " +
      shapes + "}";
  const std::string deep =
      "{'class_name': 'Functional', 'config': {'name': 'd', 'trainable': true, 'layers': "
      "[{'class_name': 'InputLayer', 'name': 'i', 'inbound_nodes': [], 'config': {'name': 'i', "
      "'batch_input_shape': [null, 3]}}], 'input_layers': [['i', 0, 0]], 'output_layers': [['i', "
      "0, 0], ['i', 0, 0]]}}";
  MemoryH5 file;
  for (const std::string place : {"", "linear_model/", "layers/linear_model/"}) {
    file.add_array(place + "layers/dense/vars/0", Shape{3, 2});
    file.add_array(place + "vars/0", Shape{2});
  }
  std::string message;
  try {
    import_of(
        config_of(premade("WideDeepModel", ", 'linear_model': " + linear + ", 'dnn_model': " + deep,
                          ", " + shapes),
                  "2.15.0"),
        file, true);
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("the deep part has 2 outputs, the linear one 1"));
}

TEST(PremadeModels, NeedTheirWeights) {
  EXPECT_THAT(problem(premade("LinearModel", ", 'units': 2",
                              ", 'build_config': {'input_shape': [[null, 3], [null, 3]]}")),
              HasSubstr("no weights for variable 'kernel' of layer 'm' (LinearModel) (expected at "
                        "layers/dense_1/vars/0)"));
  EXPECT_THAT(problem(premade("LinearModel", ", 'units': 2",
                              ", 'build_config': {'input_shape': [null, 4]}")),
              HasSubstr("expected shape [4, 2], found [3, 2]"));
}

}  // namespace
}  // namespace thaw::testing
