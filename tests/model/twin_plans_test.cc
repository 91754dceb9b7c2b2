// A model takes no more steps as a graph of TensorFlow than as layers of Keras: what its writer
// spelled out is fused again. Every golden model with both forms is compared; those whose graphs
// still take more stand in a list with the reason, which can only get shorter.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/model/cases.h"

namespace thaw {
namespace {

/// Models, and how many steps more their graphs take.
struct Longer {
  const char* reason;
  std::vector<std::pair<const char*, int>> models;
};

const std::vector<Longer>& longer_graphs() {
  // clang-format off
  static const std::vector<Longer> kLonger{
      {"activations that TensorFlow graphs spell out with select",
       {{"keras3/activation_layers", 16}, {"keras3/advanced_activations", 13},
        {"keras3/ops_activations", 25}, {"keras3/other_activations", 6},
        {"tfkeras/advanced_activations", 15}, {"tfkeras/other_activations", 10}}},
      {"adaptive pooling: windows of unequal sizes as slices",
       {{"keras3/adaptive_pooling", 33}, {"keras3/flat_adaptive_pooling", 22},
        {"keras3/solid_adaptive_pooling", 9}}},
      {"masks are computed once more for every layer",
       {{"keras3/attention_arguments", 1}}},
      {"a factor of queries whose scores are a result stands behind an einsum",
       {{"keras3/grouped_query_attention", 1}}},
      {"transforms with windows as TensorFlow lays them out",
       {{"keras3/audio_angle", 3}, {"keras3/audio_mel", 9}, {"keras3/audio_stft", 5},
        {"keras3/mel_spectrogram_window", 3}}},
      {"TensorFlow averages half types in float32 between casts",
       {{"keras3/float16_policy", 2}, {"keras3/mixed_bfloat16", 2},
        {"keras3/mixed_float16", 2}, {"keras3/quantised_mixed_bfloat16", 2},
        {"tfkeras/mixed_bfloat16", 1}, {"tfkeras/mixed_float16", 1}}},
      {"the exported function also assigns the states that it read",
       {{"keras3/gru_arguments", 14}, {"keras3/lstm_arguments", 9},
        {"keras3/simple_rnn_arguments", 3}, {"models/keras3_names_lstm", 2}}},
      {"image operations of TensorFlow where the layer has a shorter form",
       {{"keras3/image_contrast", 7},
        {"keras3/ops_image_quality", 2}, {"keras3/ops_images", 18},
        {"keras3/other_contrast", 4}, {"tfkeras/image_bytes", 66}}},
      {"masks are combined in another order",
       {{"keras3/masking_stack", 1}, {"tfkeras/mask_merges", 1}}},
      {"operations of Keras with a shorter inner form than the TensorFlow ops of theirs",
       {{"keras3/ops_elementwise", 4}, {"keras3/ops_half", 2}, {"keras3/ops_network", 14},
        {"keras3/ops_reductions", 5}, {"keras3/ops_scale_and_translate", 2},
        {"tfkeras/tf_elementwise", 2}, {"tfkeras/tf_integers", 3}, {"tfkeras/tf_network", 2}}},
      {"quantised layers round and clip in ops of their own",
       {{"keras3/quantised_int4_inputs", 12}, {"keras3/quantised_int8", 14},
        {"keras3/quantised_int8_weights", 2}, {"keras3/quantised_reversible_tied_int4", 1},
        {"keras3/quantised_reversible_tied_int4_blocks", 1},
        {"keras3/quantised_reversible_tied_int8", 3},
        {"keras3/quantised_reversible_untied_int8", 3}}},
      {"unrolled over the steps by the writer",
       {{"keras3/time_distributed_anything", 67}, {"keras3/time_distributed_fixed_batch", 18},
        {"keras3/time_distributed_nested", 28}, {"keras3/unrolled", 47},
        {"keras3/weights_elsewhere", 10}, {"tfkeras/unrolled", 43}}},
      {"channels first: TensorFlow transposes where the layer is read channels last",
       {{"tfkeras/conv3d_conv1d_channels_first", 3}, {"tfkeras/conv_channels_first_all", 8}}},
      {"dilated transposes in batch blocks",
       {{"tfkeras/conv_transpose_dilated", 5}}},
      {"locally connected layers as slices of every place",
       {{"tfkeras/locally_connected", 18}}},
      {"repeated rows as split and concat",
       {{"tfkeras/upsampling", 4}}},
  };
  // clang-format on
  return kLonger;
}

/// Models whose graphs are interpreted, where the layers are planned.
const std::vector<std::pair<const char*, std::vector<const char*>>>& interpreted_graphs() {
  // clang-format off
  static const std::vector<std::pair<const char*, std::vector<const char*>>> kInterpreted{
      {"DenseBincount: how wide the counts are depends on the data until they are folded",
       {"keras3/category_encoding", "keras3/discretization", "keras3/image_pipeline",
        "keras3/integer_lookup", "keras3/other_scaling", "keras3/preprocessing_h5",
        "tfkeras/category_encoding", "tfkeras/discretization", "tfkeras/integer_lookup",
        "tfkeras/other_scaling"}},
      {"loops over steps that no recurrent layer takes",
       {"keras3/conv_lstm_channels_first", "keras3/conv_lstm_ranks", "keras3/conv_lstm_states",
        "keras3/frozen_wrappers", "keras3/lstm_activations", "keras3/time_distributed",
        "tfkeras/conv_lstm_channels_first", "tfkeras/conv_lstm_ranks",
        "tfkeras/lstm_activations", "tfkeras/stateful_states"}},
      {"sizes that a branch of the graph computes",
       {"tfkeras/image_augmentation", "tfkeras/image_center_crop",
        "tfkeras/image_unknown_size", "tfkeras/other_augmentation"}},
  };
  // clang-format on
  return kInterpreted;
}

int steps_more(const std::string& name) {
  for (const Longer& longer : longer_graphs()) {
    for (const auto& [model, steps] : longer.models) {
      if (model == name) return steps;
    }
  }
  return 0;
}

bool is_interpreted(const std::string& name) {
  return std::ranges::any_of(interpreted_graphs(), [&](const auto& group) {
    return std::ranges::find(group.second, name) != group.second.end();
  });
}

/// "keras3/dense_2d"
std::string name_of(const std::string& folder) {
  const std::filesystem::path path(folder);
  return path.parent_path().filename().string() + "/" + path.filename().string();
}

const tools::CaseForm* form_of(const tools::Case& test, bool layers) {
  const auto found = std::ranges::find_if(test.forms, [layers](const tools::CaseForm& form) {
    return layers ? form.kind.starts_with("keras") : form.kind == "savedmodel";
  });
  return found == test.forms.end() ? nullptr : &*found;
}

/// Folders of Keras models that are saved as a graph too.
std::vector<std::string> twins() {
  namespace fs = std::filesystem;
  std::vector<std::string> folders;
  for (const std::string& folder : testing::golden_folders()) {
    const fs::path path(folder);
    const std::string group = path.parent_path().filename().string();
    if (group != "keras3" && group != "tfkeras" && group != "models") continue;
    const bool graph = fs::exists(path / "saved_model.zip") || fs::exists(path / "saved_model");
    const bool layers = fs::exists(path / "model.keras") || fs::exists(path / "model.h5") ||
                        fs::exists(path / "model.json");
    if (graph && layers) folders.push_back(folder);
  }
  return folders;
}

struct PlanSteps {
  bool planned = false;
  int count = 0;
  std::string text;
};

PlanSteps steps_of(const tools::Case& test, const tools::CaseForm& form) {
  const Session session = testing::prepared_session(test, form);
  PlanSteps steps{session.stats().planned, 0, {}};
  if (!steps.planned) return steps;
  steps.text = session.plan_text();
  std::istringstream(steps.text) >> steps.count;  // "12 steps"
  return steps;
}

class TwinPlans : public ::testing::TestWithParam<std::string> {};

TEST_P(TwinPlans, AsAGraphTakesNoMoreSteps) {
  const tools::Case test = tools::read_case(GetParam());
  const std::string name = name_of(GetParam());
  ASSERT_FALSE(test.refuse);
  ASSERT_NE(form_of(test, true), nullptr);
  ASSERT_NE(form_of(test, false), nullptr);
  const PlanSteps layers = steps_of(test, *form_of(test, true));
  const PlanSteps graph = steps_of(test, *form_of(test, false));
  const bool listed = is_interpreted(name);
  EXPECT_EQ(layers.planned && !graph.planned, listed) << name;
  if (!layers.planned || !graph.planned) return;
  EXPECT_GT(layers.count, 0);
  const int more = steps_more(name);
  EXPECT_LE(graph.count, layers.count + more) << layers.text << graph.text;
  if (more > 0) {
    EXPECT_GT(graph.count, layers.count) << name << " stands in the list for nothing";
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TwinPlans, ::testing::ValuesIn(twins()),
                         [](const auto& param) { return testing::test_name(param.param); });

// Keras 3 counts ids below 0 from the end of the table, in its own files as in its graphs.
TEST(Twins, EmbedIdsFromTheEnd) {
  const tools::Case test =
      tools::read_case(THAW_SOURCE_DIR "/tests/golden/keras3/embedding_in_sequential");
  const auto run = [&](bool layers, float first) {
    Session session = testing::open_form(*form_of(test, layers), {});
    Tensor ids = test.input_arrays.at(0).second.clone();
    ids.mutable_data<float>()[0] = first;
    const Tensor y = session.run({ids}).at(0);
    return std::vector<float>(y.data<float>(), y.data<float>() + y.num_elements());
  };
  for (const bool layers : {true, false}) {
    EXPECT_EQ(run(layers, -1), run(layers, 19));  // of 20
    EXPECT_EQ(run(layers, -20), run(layers, 0));
    EXPECT_NE(run(layers, -20), run(layers, 19));
    EXPECT_THROW(run(layers, -21), Error);
    EXPECT_THROW(run(layers, 20), Error);
  }
}

TEST(TwinPlanLists, NameModels) {
  const std::vector<std::string> folders = twins();
  EXPECT_GT(folders.size(), 400U);
  std::vector<std::string> names;
  for (const std::string& folder : folders) names.push_back(name_of(folder));
  const auto expect_known = [&](const std::string& name) {
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  };
  for (const Longer& longer : longer_graphs()) {
    for (const auto& [model, steps] : longer.models) expect_known(model);
  }
  for (const auto& [reason, models] : interpreted_graphs()) {
    for (const char* model : models) expect_known(model);
  }
}

}  // namespace
}  // namespace thaw
