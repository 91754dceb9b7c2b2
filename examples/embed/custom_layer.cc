// A model with a layer of the user's own: describes the layer, then predicts.
// Usage: custom_layer MODEL, for the models that tests/golden/make_custom.py writes.
#include <thaw/thaw.h>

#include <iostream>

namespace {

// Keras: relu(x kernel * scale + bias - offset).
std::vector<thaw::GraphValue> custom_dense(thaw::CustomCall& call) {
  const auto scale =
      call.constant(thaw::Tensor::from<float>({}, {static_cast<float>(call.real("scale", 1))}));
  auto y = call.add("matmul", {call.inputs()[0], call.variable("kernel")});
  y = call.add("binary {kind = mul}", {y[0], scale});
  y = call.add("binary {kind = add}", {y[0], call.variable("bias")});
  y = call.add("binary {kind = sub}", {y[0], call.variable("offset")});
  return call.add("unary {fn = relu}", y);
}

// Keras: the steps of a sequence weighed by softmax(Dense(1)), masked steps by nothing.
std::vector<thaw::GraphValue> attention_pooling(thaw::CustomCall& call) {
  const thaw::GraphValue x = call.inputs()[0];
  auto score = call.add("matmul", {x, call.variable("score/kernel")});
  score = call.add("binary {kind = add}", {score[0], call.variable("score/bias")});
  score = call.add("squeeze {axes = [-1]}", score);
  const auto low = call.constant(thaw::Tensor::from<float>({}, {-1e9F}));
  score = call.add("select", {call.mask(), score[0], low});
  score = call.add("softmax {axes = [-1]}", score);
  return call.add("einsum {equation = \"bt,btf->bf\"}", {score[0], x});
}

// A Lambda's function as plain code on whole tensors.
thaw::CustomFunction square_plus_one() {
  return {[](const std::vector<thaw::TensorType>& operands) { return operands; },
          [](const std::vector<thaw::Tensor>& operands) {
            thaw::Tensor y = operands[0].clone();
            float* elements = y.mutable_data<float>();
            for (std::int64_t i = 0; i < y.num_elements(); ++i) {
              elements[i] = elements[i] * elements[i] + 1;
            }
            return std::vector<thaw::Tensor>{y};
          }};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::invalid_argument("usage: custom_layer MODEL");
  auto objects = std::make_shared<thaw::CustomObjects>();
  objects->layers["demo>CustomDenseLayer"] = {
      [](const thaw::CustomConfig&) -> std::vector<thaw::CustomVariable> {
        return {{"kernel"}, {"offset", /*trainable=*/false}, {"bias"}};  // as build() makes them
      },
      custom_dense};
  objects->layers["demo>AttentionPooling"] = {
      [](const thaw::CustomConfig&) -> std::vector<thaw::CustomVariable> {
        return {{"score/kernel"}, {"score/bias"}};
      },
      attention_pooling};
  objects->lambdas["square_plus_one"] = {
      {}, [](thaw::CustomCall& call) { return call.call(square_plus_one(), call.inputs()); }};

  thaw::LoadOptions options;
  options.custom = objects;
  const thaw::Model model = thaw::Model::load(argv[1], options);
  const auto words = thaw::Tensor::from<std::int32_t>({1, 6}, {3, 1, 4, 1, 5, 0});
  const thaw::Tensor out = model.predict({words})[0];
  for (std::int64_t i = 0; i < out.num_elements(); ++i) std::cout << out.data<float>()[i] << "\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
