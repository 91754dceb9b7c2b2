// Random functional models (tests/golden/make_dags.py): branches, merges, shared and nested layers.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "loaders/source/npz.h"
#include "runtime/verify/compare.h"
#include "thaw/thaw.h"

namespace thaw {
namespace {

class Dags : public ::testing::TestWithParam<const char*> {};

std::vector<Tensor> arrays(const std::map<std::string, Tensor>& io, const std::string& prefix) {
  std::vector<Tensor> found;
  for (int i = 0;; ++i) {
    const auto entry = io.find(prefix + std::to_string(i));
    if (entry == io.end()) return found;
    found.push_back(entry->second);
  }
}

TEST_P(Dags, PredictWhatKerasPredicted) {
  const std::string folder = std::string(THAW_SOURCE_DIR) + "/tests/golden/dags/" + GetParam();
  std::map<std::string, Tensor> io;
  for (auto& [name, array] : read_npz(folder + "/io.npz", Limits{})) io[name] = array;
  SessionOptions reference;
  reference.device = DeviceKind::reference;
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".keras") continue;
    ++models;
    const std::string name = entry.path().stem().string();
    SCOPED_TRACE(name);
    try {
      const Model model = Model::load(entry.path().string());
      const std::vector<Tensor> inputs = arrays(io, name + "_input_");
      const std::vector<Tensor> expected = arrays(io, name + "_output_");
      for (const SessionOptions& options : {SessionOptions{}, reference}) {
        Session session = model.session(options);
        const std::vector<Tensor> outputs = session.run(inputs);
        ASSERT_EQ(outputs.size(), expected.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          const Comparison compared = compare(outputs[i], expected[i], Tolerance{1e-4, 1e-5});
          EXPECT_TRUE(compared.match) << "output " << i << " " << compared.problem << " off by "
                                      << compared.max_abs << ", norm-wise " << compared.norm_wise;
        }
      }
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GE(models, 100);
}

INSTANTIATE_TEST_SUITE_P(Writers, Dags, ::testing::Values("keras3", "tfkeras"));

}  // namespace
}  // namespace thaw
