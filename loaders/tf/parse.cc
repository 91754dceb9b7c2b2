#include "loaders/tf/parse.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <span>

#include "loaders/tf/wire_fault.h"
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

// Two bytes of a file can be a message of a hundred: what the messages take is held against their
// file while it is read, a piece at a time.
class BudgetedStream : public google::protobuf::io::ZeroCopyInputStream {
 public:
  BudgetedStream(const Bytes& file, const google::protobuf::Arena& arena)
      : data_(file.data),
        arena_(arena),
        budget_(std::max<std::uint64_t>(kLeastBudget, kMostGrowth * file.size())) {}

  bool exhausted() const { return exhausted_; }

  bool Next(const void** data, int* size) override {
    exhausted_ = exhausted_ || arena_.SpaceAllocated() > budget_;
    if (exhausted_ || at_ == data_.size()) return false;
    *data = data_.data() + at_;
    const std::size_t piece = std::min(kPiece, data_.size() - at_);
    *size = static_cast<int>(piece);
    at_ += piece;
    return true;
  }
  void BackUp(int count) override { at_ -= static_cast<std::size_t>(count); }
  bool Skip(int count) override {
    const auto wanted = static_cast<std::size_t>(std::max(count, 0));
    const std::size_t step = std::min(wanted, data_.size() - at_);
    at_ += step;
    return step == wanted;
  }
  std::int64_t ByteCount() const override { return static_cast<std::int64_t>(at_); }

 private:
  static constexpr std::uint64_t kLeastBudget = std::uint64_t{256} << 20;
  static constexpr std::uint64_t kMostGrowth = 24;  // graphs of many small nodes grow tenfold
  static constexpr std::size_t kPiece = std::size_t{1} << 20;

  std::span<const std::byte> data_;
  const google::protobuf::Arena& arena_;
  std::uint64_t budget_;
  std::size_t at_ = 0;
  bool exhausted_ = false;
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
  BudgetedStream stream(file, *arena);
  const auto check_budget = [&] {
    if (!stream.exhausted()) return;
    fail(ErrorCode::resource_exhausted, "'{}' of {} bytes takes more than {} bytes of memory",
         file.name, file.size(), arena->SpaceAllocated());
  };
  if (text) {
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.AllowUnknownField(true);
    parser.AllowUnknownExtension(true);
    parser.SetRecursionLimit(kRecursionLimit);
    parser.RecordErrorsTo(&error);
    const bool parsed = parser.Parse(&stream, message);
    check_budget();
    if (!parsed) {
      fail(ErrorCode::data_loss, "'{}' is damaged: {}", file.name, error.text);
    }
  } else {
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetRecursionLimit(kRecursionLimit);
    const bool parsed = message->ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
    check_budget();
    if (!parsed) {
      const std::string fault = wire_fault(file, *message->GetDescriptor(), kRecursionLimit);
      if (!fault.empty()) {
        fail(ErrorCode::invalid_argument, "'{}' is no TensorFlow {} message: {}", file.name,
             message->GetDescriptor()->name(), fault);
      }
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

namespace {

bool says_no_message(const Error& error) {
  return error.code() == ErrorCode::data_loss || error.code() == ErrorCode::invalid_argument;
}

}  // namespace

// Read as a GraphDef, a MetaGraphDef has at most one node, if it can be read at all. Read as a
// MetaGraphDef, the functions of a GraphDef stand where nodes stand, but name no op.
bool is_meta_graph(const Bytes& file, bool text, const Limits& limits) {
  try {
    if (parse<GraphDef>(file, text, limits).message->node_size() > 1) return false;
  } catch (const Error& error) {
    if (!says_no_message(error)) throw;
  }
  try {
    const auto parsed = parse<MetaGraphDef>(file, text, limits);
    const GraphDef& graph = parsed.message->graph_def();
    return graph.node_size() > 0 && !graph.node(0).op().empty();
  } catch (const Error& error) {
    if (!says_no_message(error)) throw;
    return false;
  }
}

}  // namespace thaw::tf
