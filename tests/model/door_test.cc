// The public door: signatures, names, errors, sharing between threads.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "tests/model/cases.h"

namespace thaw {
namespace {

const std::string kDemo = THAW_SOURCE_DIR "/demo/models/";

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::internal;
}

Tensor demo_inputs(const std::string& name) {
  return tools::read_case(kDemo + name).input_arrays.at(0).second;
}

TEST(Door, TellsLayersSignaturesAndWriter) {
  const Model model = Model::load(kDemo + "keras3_digits_mlp/model.keras");
  EXPECT_EQ(model.info().writer.rfind("Keras 3", 0), 0u) << model.info().writer;
  ASSERT_EQ(model.inputs().size(), 1u);
  EXPECT_EQ(model.inputs()[0].type.dtype, DType::float32);
  EXPECT_EQ(model.inputs()[0].type.shape[0], kUnknownDim);
  EXPECT_EQ(model.outputs()[0].type.shape[1], 10);
  std::int64_t parameters = 0;
  for (const LayerInfo& layer : model.info().layers) parameters += layer.parameters;
  EXPECT_EQ(parameters, model.info().parameters);
  EXPECT_GT(parameters, 0);
}

TEST(Door, PredictsByNameAsByPosition) {
  const Model model = Model::load(kDemo + "keras3_digits_mlp/model.keras");
  const Tensor input = demo_inputs("keras3_digits_mlp");
  const std::vector<Tensor> by_position = model.predict(std::vector<Tensor>{input});
  const auto by_name =
      model.predict(std::map<std::string, Tensor>{{model.inputs()[0].name, input}});
  const Tensor& named = by_name.at(model.outputs()[0].name);
  ASSERT_EQ(named.size_bytes(), by_position[0].size_bytes());
  EXPECT_EQ(std::memcmp(named.data(), by_position[0].data(), named.size_bytes()), 0);
}

TEST(Door, EveryBatchSizeGivesTheSameRows) {
  const Model model = Model::load(kDemo + "keras3_digits_cnn/model.keras");
  const Tensor all = demo_inputs("keras3_digits_cnn");
  Session session = model.session();
  const Tensor whole = session.run({all})[0];
  const std::int64_t classes = whole.shape()[1];
  for (std::int64_t batch : {0, 1, 3, 7}) {
    std::vector<std::int64_t> dims = all.shape().dims();
    dims[0] = batch;
    const Tensor part = Tensor::borrow(all.dtype(), Shape(dims), all.data(), nullptr);
    const Tensor result = session.run({part})[0];
    ASSERT_EQ(result.shape(), (Shape{batch, classes}));
    for (std::int64_t i = 0; i < batch * classes; ++i) {
      EXPECT_NEAR(result.data<float>()[i], whole.data<float>()[i], 1e-6) << batch << " " << i;
    }
  }
}

TEST(Door, RefusesInputsThatDoNotFit) {
  const Model model = Model::load(kDemo + "keras3_digits_mlp/model.keras");
  Session session = model.session();
  const Tensor input = demo_inputs("keras3_digits_mlp");
  using Inputs = std::vector<Tensor>;
  EXPECT_EQ(code_of([&] { session.run(Inputs{}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run(Inputs{input, input}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run(Inputs{Tensor(DType::float64, input.shape())}); }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] {
              session.run(Inputs{Tensor(DType::float32, {2, 3})});
            }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] {
              session.run(std::map<std::string, Tensor>{{"no such input", input}});
            }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { model.session("no such signature"); }), ErrorCode::not_found);
  EXPECT_NO_THROW(session.run(Inputs{input}));  // a refused run leaves the session usable
}

TEST(Door, SaysWhatAFileIsNot) {
  EXPECT_EQ(code_of([] { Model::load(kDemo + "no such file"); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([] { Model::load(THAW_SOURCE_DIR "/README.md"); }),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { Model::load(THAW_SOURCE_DIR "/docs"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { Model::load(kDemo + "keras3_digits_mlp/model.json"); }),
            ErrorCode::failed_precondition);
  EXPECT_EQ(code_of([] { Model::load(kDemo + "keras3_digits_mlp/model.weights.h5"); }),
            ErrorCode::failed_precondition);
}

// What people have in the place of a model, by its first bytes.
TEST(Door, NamesWhatAFileIs) {
  const std::string path = ::testing::TempDir() + "/thaw_door_no_model";
  const auto message_of = [&](const std::string& bytes) -> std::string {
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      Model::load(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::pair<std::string, const char*> files[] = {
      {"", "the file is empty"},
      {"<!DOCTYPE html><html></html>", "an HTML page, not a model (a failed download?)"},
      {std::string("\x1c\0\0\0TFL3", 8) + std::string(24, '\0'),
       "a TensorFlow Lite model, which Thaw does not open"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"},
      {std::string(64, '\xfe'), "not a model"},
  };
  for (const auto& [bytes, text] : files) {
    const std::string message = message_of(bytes);
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  }
  std::remove(path.c_str());
}

TEST(Door, ManyThreadsShareOneModel) {
  for (const char* name : {"keras3_digits_cnn", "keras3_names_lstm"}) {
    const Model model = Model::load(kDemo + name + "/model.keras");
    const Tensor input = demo_inputs(name);
    const Tensor expected = model.predict({input})[0];
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        SessionOptions options;
        options.threads = 1 + t % 2;
        Session session = model.session(options);
        std::vector<Tensor> outputs;
        for (int i = 0; i < 3; ++i) {
          session.run({input}, outputs);
          wrong += std::memcmp(outputs[0].data(), expected.data(), expected.size_bytes()) != 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << name << ": results depend on the session or its threads";
  }
}

TEST(Door, LoopsOfASessionAreLimited) {
  const std::string folder = THAW_SOURCE_DIR "/tests/golden/tensorflow2/control";
  const tools::Case test = tools::read_case(folder);
  const Model model = Model::load(folder + "/saved_model");
  std::map<std::string, Tensor> inputs;
  for (const auto& [name, array] : test.input_arrays) {
    for (const TensorSpec& spec : model.inputs()) {
      if (spec.name == name) inputs[name] = array;
    }
  }
  const std::size_t outputs = model.session().run(inputs).size();
  EXPECT_GT(outputs, 0u);
  SessionOptions options;
  options.max_loop_steps = 1;
  Session limited = model.session(options);
  EXPECT_EQ(code_of([&] { limited.run(inputs); }), ErrorCode::resource_exhausted);
  options.max_loop_steps = 1000;
  EXPECT_EQ(model.session(options).run(inputs).size(), outputs);
}

}  // namespace
}  // namespace thaw
