// The memory of every golden and demo model that is planned stays near the least that its
// intermediate values need.
#include <gtest/gtest.h>

#include "tests/model/cases.h"

namespace thaw {
namespace {

/// The first form of a case, or nothing if it is refused.
RunStats planned_stats(const tools::Case& test) {
  const tools::CaseForm& form = test.forms.front();
  LoadOptions load;
  load.weights = form.weights;
  load.signature = form.signature;
  if (form.kind == "graphdef" || form.kind == "checkpoint_meta") {
    load.inputs = form.inputs;
    load.outputs = form.outputs;
  }
  const Model model = Model::load(form.model, load);
  SessionOptions options;
  options.threads = 1;
  Session session =
      form.signature.empty() ? model.session(options) : model.session(form.signature, options);
  const auto given =
      tools::select_arrays(test.input_arrays, test.calls.front().inputs, form.inputs, test.folder);
  std::vector<Shape> shapes;
  for (const Tensor& input : tools::match_arrays(given, session.inputs(), "input", test.folder)) {
    shapes.push_back(input.shape());
  }
  session.prepare(shapes);
  return session.stats();
}

TEST(PlanQuality, ArenasStayNearTheirLowerBound) {
  int planned = 0, perfect = 0;
  for (const std::string& folder : testing::golden_folders()) {
    const tools::Case test = tools::read_case(folder);
    if (test.refuse || test.forms.empty()) continue;
    const RunStats stats = planned_stats(test);
    if (!stats.planned) continue;
    ++planned;
    perfect += stats.arena_bytes == stats.arena_lower_bound ? 1 : 0;
    EXPECT_LE(static_cast<double>(stats.arena_bytes),
              1.2 * static_cast<double>(stats.arena_lower_bound))
        << folder;
  }
  EXPECT_GT(planned, 200);
  EXPECT_GT(perfect, planned / 2);
}

}  // namespace
}  // namespace thaw
