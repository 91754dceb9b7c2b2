// The element types that docs/tf_ops.md claims are those of the stored graphs: every node that a
// result of a golden model needs is counted, with its type attributes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "loaders/source/archive.h"
#include "loaders/tf/functions.h"
#include "loaders/tf/op_support.h"
#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/parse.h"
#include "loaders/tf/refusals.h"
#include "tests/loaders/tf/tf_testing.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::testing {
namespace {

namespace fs = std::filesystem;

// Op -> attribute -> names of types.
using TypesInUse = std::map<std::string, std::map<std::string, std::set<std::string>>>;

// Follows results back to their operands, through the functions that nodes name.
class Walk {
 public:
  Walk(const tf::GraphDef& graph, const std::shared_ptr<const void>& owner, TypesInUse& types)
      : owner_(owner),
        top_(tf::view_graph(graph, limits_, owner_)),
        functions_(graph, limits_, owner_),
        types_(types) {}

  void result(const std::string& tensor) { visit(top_, top_.resolve(tensor, "a result").node); }

 private:
  void visit(const tf::GraphView& view, int first) {
    std::vector<int> open{first};
    while (!open.empty()) {
      const int number = open.back();
      open.pop_back();
      if (number < 0 || !seen_.insert({&view, number}).second) continue;
      const auto& entry = view.nodes[static_cast<std::size_t>(number)];
      count(entry.node);
      for (const tf::Ref& ref : entry.data) open.push_back(ref.node);
      for (const tf::Ref& ref : entry.control) open.push_back(ref.node);
      for (const auto& function : entry.node.all_functions()) visit_function(function);
      if (functions_.contains(entry.node.op())) {
        visit_function(functions_.direct_call(entry.node));
      }
    }
  }

  void visit_function(const tf::NodeView::Function& function) {
    if (!functions_.contains(function.name)) return;
    const tf::GraphView& body = functions_.view(function);
    for (const tf::Ref& ref : body.results) visit(body, ref.node);
    for (const tf::Ref& ref : body.effects) visit(body, ref.node);
  }

  // Lists of types belong to ops that take anything.
  void count(const tf::NodeView& node) {
    if (node.schema() == nullptr) return;
    auto& types = types_[node.op()];
    std::istringstream attributes{std::string(node.schema()->attrs)};
    for (std::string word; attributes >> word;) {
      const std::string attribute = word.substr(0, word.find('='));
      const auto& given = node.def().attr();
      const auto found = std::ranges::find_if(
          given, [&](const tf::AttrEntry& entry) { return entry.key() == attribute; });
      const bool is_type = found == given.end()
                               ? word.find("=DT_") != std::string::npos
                               : found->value().value_case() == tf::AttrValue::kType ||
                                     found->value().value_case() == tf::AttrValue::kPlaceholder;
      if (!is_type) continue;
      try {
        types[attribute].insert(name_of(node.type(attribute)));
      } catch (const Error&) {
        // A type without a tensor form, or a list behind a placeholder.
      }
    }
  }

  Limits limits_;
  std::shared_ptr<const void> owner_;
  tf::GraphView top_;
  tf::FunctionLibrary functions_;
  TypesInUse& types_;
  std::set<std::pair<const void*, int>> seen_;
};

void count_saved_model(const std::string& path, TypesInUse& types) {
  const Limits limits;
  const auto tree = is_directory(path) ? open_directory(path, limits)
                                       : open_zip(read_file(path, limits), path, limits);
  const bool text = !tree->contains("saved_model.pb");
  const Bytes file = tree->read(text ? "saved_model.pbtxt" : "saved_model.pb");
  const auto parsed = tf::parse_saved_model(file, text, limits);
  for (const tf::MetaGraphDef& meta : parsed.message->meta_graphs()) {
    Walk walk(meta.graph_def(), parsed.owner, types);
    for (const tf::SignatureEntry& signature : meta.signature_def()) {
      if (signature.key() == "__saved_model_train_op") continue;
      for (const tf::TensorInfoEntry& output : signature.value().outputs()) {
        walk.result(output.value().name());
      }
    }
  }
}

TypesInUse types_of_goldens() {
  TypesInUse types;
  const fs::path root = THAW_SOURCE_DIR "/tests/golden";
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->path().filename() != "case.json") continue;
    const tools::Case test = tools::read_case(it->path().parent_path().string());
    if (test.refuse) continue;
    for (const tools::CaseForm& form : test.forms) {
      if (form.kind == "savedmodel") count_saved_model(form.model, types);
      if (form.kind != "graphdef") continue;
      Bytes file = read_file(form.model, {});
      if (sniff(file.data) == FileKind::gzip) file = gunzip(file, {});
      const auto parsed =
          tf::parse_graph_def(file, sniff(file.data) == FileKind::protobuf_text, {});
      Walk walk(*parsed.message, parsed.owner, types);
      for (const std::string& output : form.outputs) walk.result(output);
    }
  }
  return types;
}

// "T float32 int32; Tidx int32"
std::string text_of(const std::map<std::string, std::set<std::string>>& attributes) {
  std::string text;
  for (const auto& [attribute, names] : attributes) {
    text += (text.empty() ? "" : "; ") + attribute;
    for (const std::string& name : names) text += " " + name;
  }
  return text.empty() ? "checked" : text;
}

std::set<std::string> table_names() {
  std::set<std::string> names;
  for (const SupportedOp& op : supported_tensorflow_ops()) names.insert(op.name);
  return names;
}

// After a change: copy the file that the message names to loaders/tf/op_types.cc, and print
// docs/tf_ops.md again.
TEST(OpTypes, AreThoseOfTheStoredGraphs) {
  const TypesInUse in_use = types_of_goldens();
  const std::set<std::string> names = table_names();
  std::string rows;
  std::map<std::string, std::string> expected;
  for (const auto& [op, attributes] : in_use) {
    if (!names.contains(op)) continue;
    expected[op] = text_of(attributes);
    rows += "    {\"" + op + "\", \"" + expected[op] + "\"},\n";
  }
  std::map<std::string, std::string> listed;
  for (const tf::TestedTypes& row : tf::tested_types()) {
    listed[std::string(row.op)] = std::string(row.types);
  }
  if (listed == expected) return;
  std::ifstream in(THAW_SOURCE_DIR "/loaders/tf/op_types.cc");
  std::string source{std::istreambuf_iterator<char>(in), {}};
  const std::string begin = "kTestedTypes[] = {\n";
  const std::size_t from = source.find(begin) + begin.size();
  source.replace(from, source.find("};", from) - from, rows);
  const std::string made = ::testing::TempDir() + "op_types.cc";
  std::ofstream(made) << source;
  ADD_FAILURE() << "loaders/tf/op_types.cc is out of date; as it should be: " << made;
}

TEST(OpTypes, OpsWithoutAStoredAnswerSayWhy) {
  for (const std::string& op : table_names()) {
    const bool tested = !tf::tested_types(op).empty(), explained = !tf::untested_reason(op).empty();
    EXPECT_NE(tested, explained) << op << (tested ? " has answers" : " has no answer, no reason");
  }
}

// Every op of TensorFlow 2.21's registry is in the table or refused with a reason of its own.
TEST(OpTypes, NoOpOfTensorFlowIsUnknown) {
  const std::set<std::string> names = table_names();
  std::ifstream in(THAW_SOURCE_DIR "/tests/loaders/tf/tensorflow_ops.txt");
  int ops = 0;
  for (std::string op; std::getline(in, op); ++ops) {
    if (names.contains(op)) continue;
    EXPECT_NE(tf::refusal_of(op), "unknown op") << op;
  }
  EXPECT_GT(ops, 1600);
}

TEST(OpTypes, LimitsAreOfKnownOps) {
  int limited = 0;
  for (const SupportedOp& op : supported_tensorflow_ops()) limited += op.limits.empty() ? 0 : 1;
  EXPECT_GT(limited, 60);
  EXPECT_EQ(tf::op_limits("NoSuchOp"), "");
  EXPECT_EQ(tf::op_limits("GatherNd"), "");
  EXPECT_EQ(tf::op_limits("ZerosLike"), "not of tensor lists");
}

}  // namespace
}  // namespace thaw::testing
