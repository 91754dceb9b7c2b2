// thaw run: predict from files, or from texts.
#include <fmt/format.h>

#include "loaders/source/file_tree.h"
#include "runtime/base/check.h"
#include "thaw/tokenizer.h"
#include "tools/arrays.h"
#include "tools/commands.h"

namespace thaw::tools {
namespace {

std::vector<std::string> read_texts(const RunOptions& options) {
  std::vector<std::string> texts = options.texts;
  if (options.text_file.empty()) return texts;
  const Bytes file = read_file(options.text_file, Limits{});
  std::string_view rest = file.text();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    texts.emplace_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return texts;
}

SequenceSide side_of(const std::string& name) {
  return name == "post" ? SequenceSide::post : SequenceSide::pre;
}

// Sequences as long as the model's input says, if it says.
Tensor sequences(const RunOptions& options, const std::vector<std::string>& texts,
                 const TensorSpec& input) {
  const Shape& shape = input.type.shape;
  PadOptions pad;
  pad.maxlen = options.maxlen;
  if (pad.maxlen < 0 && shape.has_rank() && shape.rank() == 2) pad.maxlen = shape[1];
  pad.padding = side_of(options.padding);
  pad.truncating = side_of(options.truncating);
  pad.dtype = input.type.dtype;
  const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
  return pad_sequences(tokenizer.texts_to_sequences(texts), pad);
}

// A batch of texts for a model of strings: [n], or [n, 1].
Tensor batch_of(const std::vector<std::string>& texts, const TensorSpec& input) {
  const auto count = static_cast<std::int64_t>(texts.size());
  const Shape& shape = input.type.shape;
  const bool column = shape.has_rank() && shape.rank() == 2;
  return Tensor::from(column ? Shape{count, 1} : Shape{count}, texts);
}

std::vector<Tensor> inputs_of(const RunOptions& options, const std::vector<TensorSpec>& specs) {
  const std::vector<std::string> texts = read_texts(options);
  if (texts.empty()) {
    if (options.inputs.empty()) {
      fail(ErrorCode::invalid_argument, "run needs --inputs, or --text or --text-file");
    }
    return model_inputs(read_arrays(options.inputs, specs), specs, options.inputs);
  }
  if (specs.size() != 1) {
    fail(ErrorCode::invalid_argument, "--text is for models with one input, this one has {}",
         specs.size());
  }
  if (!options.tokenizer.empty()) return {sequences(options, texts, specs[0])};
  if (specs[0].type.dtype != DType::string) {
    fail(ErrorCode::invalid_argument,
         "input '{}' takes {}, not texts: give the tokenizer that the model was trained with "
         "(--tokenizer tokenizer.json)",
         printable(specs[0].name), to_string(specs[0].type));
  }
  return {batch_of(texts, specs[0])};
}

}  // namespace

int run(const RunOptions& options) {
  const Model model = open_model(options.model);
  try {
    Session session = open_session(model, options.model);
    const std::vector<Tensor> results = session.run(inputs_of(options, session.inputs()));
    NamedArrays named;
    for (std::size_t i = 0; i < results.size(); ++i) {
      named.emplace_back(session.outputs()[i].name, results[i]);
    }
    write_arrays(options.outputs, named);
    return kMatch;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error, false);
  }
}

}  // namespace thaw::tools
