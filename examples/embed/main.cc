// A service's use of Thaw: load once, keep a session per thread, predict. Usage: embed MODEL
#include <thaw/thaw.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 2) throw std::invalid_argument("usage: embed MODEL");
  const thaw::Model model = thaw::Model::load(argv[1]);  // shared by all threads
  thaw::Session session = model.session();               // one per thread

  std::vector<thaw::Tensor> inputs, outputs;
  for (const thaw::TensorSpec& spec : session.inputs()) {
    std::vector<std::int64_t> dims = spec.type.shape.dims();
    for (std::int64_t& dim : dims) dim = dim == thaw::kUnknownDim ? 1 : dim;  // batch of one
    inputs.emplace_back(spec.type.dtype, thaw::Shape(dims));  // zeros; fill your data in
  }
  session.run(inputs, outputs);  // later runs with these shapes and `outputs` allocate nothing
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::cout << session.outputs()[i].name << " " << to_string(outputs[i].type()) << "\n";
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";  // names the file, the layer, what was found and expected
  return 1;
}
