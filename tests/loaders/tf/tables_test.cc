// Lookup tables: what fills them, and what is refused.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kTypes =
    attr("key_dtype", "type: DT_STRING") + attr("value_dtype", "type: DT_INT64");
const std::string kFind = attr("Tin", "type: DT_STRING") + attr("Tout", "type: DT_INT64");
const std::string kInit = attr("Tkey", "type: DT_STRING") + attr("Tval", "type: DT_INT64");

std::string strings(const std::string& name, const std::vector<std::string>& values) {
  std::string fields = "tensor_shape { dim { size: " + std::to_string(values.size()) + " } }";
  for (const std::string& value : values) fields += " string_val: \"" + value + "\"";
  return constant(name, "DT_STRING", fields);
}

std::string integers(const std::string& name, const std::vector<int>& values) {
  std::string fields = "tensor_shape { dim { size: " + std::to_string(values.size()) + " } }";
  for (const int value : values) fields += " int64_val: " + std::to_string(value);
  return constant(name, "DT_INT64", fields);
}

std::string table(const std::string& name) { return node(name, "HashTableV2", "", kTypes); }

// Looks "x" up in `name`.
std::string find(const std::string& name) {
  return placeholder("x", "-1", "DT_STRING") + constant("none", "DT_INT64", "int64_val: -7") +
         node("y", "LookupTableFindV2", name + " x none", kFind);
}

LoadOptions output(const std::string& name) {
  LoadOptions options;
  options.outputs = {name};
  return options;
}

std::vector<std::int64_t> looked_up(const std::string& text,
                                    const std::vector<std::string>& words) {
  const Graph graph = graph_of_text(text, output("y:0"));
  const Tensor in = Tensor::from(Shape{static_cast<std::int64_t>(words.size())}, words);
  const Tensor out = run_graph(graph, {in}).at(0);
  return {out.data<std::int64_t>(), out.data<std::int64_t>() + out.num_elements()};
}

TEST(Tables, ConstantsInitialise) {
  const std::string text = table("t") + strings("k", {"a", "", "b"}) + integers("v", {1, 2, 3}) +
                           node("init", "InitializeTableV2", "t k v", kInit) + find("t");
  EXPECT_EQ(looked_up(text, {"b", "", "z", "a", "A"}),
            (std::vector<std::int64_t>{3, 2, -7, 1, -7}));
  EXPECT_EQ(looked_up(text, {}), std::vector<std::int64_t>{});
}

TEST(Tables, AnInitialiserMayCompute) {
  const std::string text = table("t") + strings("k", {"a", "b"}) + integers("v", {1, 2}) +
                           integers("more", {10, 10}) +
                           node("sum", "AddV2", "v more", attr("T", "type: DT_INT64")) +
                           node("init", "InitializeTableV2", "t k sum", kInit) + find("t");
  EXPECT_EQ(looked_up(text, {"b"}), std::vector<std::int64_t>{12});
}

TEST(Tables, SizeAndContentAreConstants) {
  const std::string text = table("t") + strings("k", {"a", "b"}) + integers("v", {1, 2}) +
                           node("init", "InitializeTableV2", "t k v", kInit) +
                           node("y", "LookupTableSizeV2", "t");
  const Graph graph = graph_of_text(text, output("y:0"));
  EXPECT_EQ(run_graph(graph, {}).at(0).data<std::int64_t>()[0], 2);
}

std::string refusal_of(const std::string& text) {
  const Failure failure = failure_of(text, output("y:0"));
  EXPECT_EQ(failure.code, ErrorCode::unimplemented) << failure.message;
  return failure.message;
}

TEST(Tables, OnesThatStayEmptyAreRefusedByName) {
  const std::string empty = refusal_of(table("words") + find("words"));
  EXPECT_NE(empty.find("table 'words' is not filled by the model's initialisers"),
            std::string::npos)
      << empty;
  const std::string twice =
      refusal_of(table("t") + strings("k", {"a", "a"}) + integers("v", {1, 2}) +
                 node("init", "InitializeTableV2", "t k v", kInit) + find("t"));
  EXPECT_NE(twice.find("table 't' has two values for one key"), std::string::npos) << twice;
  const std::string uneven =
      refusal_of(table("t") + strings("k", {"a"}) + integers("v", {1, 2}) +
                 node("init", "InitializeTableV2", "t k v", kInit) + find("t"));
  EXPECT_NE(uneven.find("keys string[1], values int64[2]"), std::string::npos) << uneven;
}

TEST(Tables, FilesOutsideTheModelAreNeverRead) {
  const std::string text = table("t") +
                           constant("file", "DT_STRING", "string_val: \"/etc/hostname\"") +
                           node("init", "InitializeTableFromTextFileV2", "t file",
                                attr("key_index", "i: -2") + attr("value_index", "i: -1")) +
                           find("t");
  const Failure failure = failure_of(text, output("y:0"));
  EXPECT_EQ(failure.code, ErrorCode::permission_denied) << failure.message;
  EXPECT_NE(failure.message.find("'/etc/hostname' has an absolute name"), std::string::npos)
      << failure.message;
}

TEST(Tables, ChangesAtRunTimeAreRefused) {
  const std::string text = node("t", "MutableHashTableV2", "", kTypes) +
                           placeholder("x", "-1", "DT_STRING") + integers("v", {1}) +
                           node("insert", "LookupTableInsertV2", "t x v", kFind) +
                           constant("none", "DT_INT64", "int64_val: -7") +
                           node("y", "LookupTableFindV2", "t x none ^insert", kFind);
  EXPECT_NE(refusal_of(text).find("changes a table at run time"), std::string::npos);
}

TEST(Tables, OneNameHasOneType) {
  const std::string other =
      node("u", "HashTableV2", "",
           attr("key_dtype", "type: DT_INT64") + attr("value_dtype", "type: DT_INT64") +
               attr("shared_name", "s: \"t\""));
  const Failure failure = failure_of(table("t") + strings("k", {"a"}) + integers("v", {1}) +
                                         node("init", "InitializeTableV2", "t k v", kInit) +
                                         find("t") + other + node("z", "LookupTableSizeV2", "u"),
                                     [] {
                                       LoadOptions options;
                                       options.outputs = {"y:0", "z:0"};
                                       return options;
                                     }());
  EXPECT_EQ(failure.code, ErrorCode::invalid_argument);
  EXPECT_NE(failure.message.find("table 't' maps"), std::string::npos) << failure.message;
}

}  // namespace
}  // namespace thaw::testing
