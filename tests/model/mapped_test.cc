// Models whose weights stay in their mapped file give what those do that are read at once.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "thaw/thaw.h"

namespace thaw {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> demo_models() {
  std::vector<std::string> paths;
  for (const auto& model : fs::directory_iterator(THAW_SOURCE_DIR "/demo/models")) {
    for (const char* form : {"model.keras", "model.h5", "saved_model"}) {
      if (fs::exists(model.path() / form)) paths.push_back(model.path() / form);
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Small whole numbers, which any input takes.
Tensor some_input(const TensorSpec& spec, std::int64_t batch) {
  std::vector<std::int64_t> dims = spec.type.shape.dims();
  for (std::int64_t& dim : dims) dim = dim < 0 ? batch : dim;
  Tensor tensor(spec.type.dtype, Shape(dims));
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    if (spec.type.dtype == DType::float32) {
      tensor.mutable_data<float>()[i] = static_cast<float>(i % 5) / 4;
    } else if (spec.type.dtype == DType::int32) {
      tensor.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 5);
    }
  }
  return tensor;
}

std::vector<Tensor> outputs_of(const Model& model, std::int64_t batch) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : model.inputs()) inputs.push_back(some_input(spec, batch));
  return model.predict(inputs);
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].type(), b[i].type());
    EXPECT_EQ(std::memcmp(a[i].data(), b[i].data(), a[i].size_bytes()), 0);
  }
}

TEST(MappedModel, SameOutputs) {
  LoadOptions at_once;
  at_once.limits.map_files = false;
  const std::vector<std::string> paths = demo_models();
  ASSERT_GE(paths.size(), 16u);
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const Model mapped = Model::load(path), read = Model::load(path, at_once);
    for (const std::int64_t batch : {1, 3}) {
      expect_same(outputs_of(mapped, batch), outputs_of(read, batch));
    }
    EXPECT_EQ(mapped.graph_text(), read.graph_text());
  }
}

TEST(MappedModel, OutlivesItsFile) {
  const fs::path copy =
      fs::temp_directory_path() / ("thaw_mapped_model_" + std::to_string(getpid()) + ".keras");
  fs::copy_file(THAW_SOURCE_DIR "/demo/models/keras3_digits_mlp/model.keras", copy,
                fs::copy_options::overwrite_existing);
  const Model model = Model::load(copy.string());
  fs::remove(copy);
  const Model other = Model::load(THAW_SOURCE_DIR "/demo/models/keras3_digits_mlp/model.keras");
  expect_same(outputs_of(model, 2), outputs_of(other, 2));
}

TEST(MappedModel, ATruncatedFileIsRefused) {
  const fs::path copy =
      fs::temp_directory_path() / ("thaw_mapped_cut_" + std::to_string(getpid()) + ".keras");
  fs::copy_file(THAW_SOURCE_DIR "/demo/models/keras3_digits_mlp/model.keras", copy,
                fs::copy_options::overwrite_existing);
  for (const std::uintmax_t lost : {1u, 100u, 10'000u}) {
    fs::resize_file(copy, fs::file_size(copy) - lost);
    EXPECT_THROW(Model::load(copy.string()), Error) << lost;
  }
  fs::remove(copy);
}

}  // namespace
}  // namespace thaw
