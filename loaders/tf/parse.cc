#include "loaders/tf/parse.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

constexpr int kRecursionLimit = 100;

// The first error of the text parser, with its place; the rest is noise.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty())
      text = fmt::format("line {}, column {}: {}", line + 1, column + 1, printable(message));
  }
  void AddWarning(int, int, const std::string&) override {}
  std::string text;
};

template <class Message>
Parsed<Message> parse(const Bytes& file, bool text, const Limits& limits) {
  const std::uint64_t limit = std::min<std::uint64_t>(limits.max_message_bytes, INT32_MAX);
  if (file.size() > limit) {
    fail(ErrorCode::resource_exhausted, "'{}' has {} bytes, the limit for one message is {}",
         file.name, file.size(), limit);
  }
  auto arena = std::make_shared<google::protobuf::Arena>();
  auto* message = google::protobuf::Arena::CreateMessage<Message>(arena.get());
  if (text) {
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.AllowUnknownField(true);
    parser.AllowUnknownExtension(true);
    parser.SetRecursionLimit(kRecursionLimit);
    parser.RecordErrorsTo(&error);
    google::protobuf::io::ArrayInputStream stream(file.data.data(), static_cast<int>(file.size()));
    if (!parser.Parse(&stream, message)) {
      fail(ErrorCode::data_loss, "'{}' is damaged: {}", file.name, error.text);
    }
  } else {
    google::protobuf::io::CodedInputStream stream(
        reinterpret_cast<const std::uint8_t*>(file.data.data()), static_cast<int>(file.size()));
    stream.SetRecursionLimit(kRecursionLimit);
    if (!message->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
      fail(ErrorCode::data_loss,
           "'{}' is damaged: not a TensorFlow {} message, or cut off after {} bytes", file.name,
           message->GetDescriptor()->name(), file.size());
    }
  }
  return {message, std::move(arena)};
}

}  // namespace

Parsed<SavedModel> parse_saved_model(const Bytes& file, bool text, const Limits& limits) {
  return parse<SavedModel>(file, text, limits);
}

Parsed<GraphDef> parse_graph_def(const Bytes& file, bool text, const Limits& limits) {
  return parse<GraphDef>(file, text, limits);
}

Parsed<MetaGraphDef> parse_meta_graph(const Bytes& file, bool text, const Limits& limits) {
  return parse<MetaGraphDef>(file, text, limits);
}

// Read as a GraphDef, a MetaGraphDef has at most one node, if it can be read at all. Read as a
// MetaGraphDef, the functions of a GraphDef stand where nodes stand, but name no op.
bool is_meta_graph(const Bytes& file, bool text, const Limits& limits) {
  try {
    if (parse<GraphDef>(file, text, limits).message->node_size() > 1) return false;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::data_loss) throw;
  }
  try {
    const auto parsed = parse<MetaGraphDef>(file, text, limits);
    const GraphDef& graph = parsed.message->graph_def();
    return graph.node_size() > 0 && !graph.node(0).op().empty();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::data_loss) throw;
    return false;
  }
}

}  // namespace thaw::tf
