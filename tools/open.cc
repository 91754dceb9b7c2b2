// Opening a model for a subcommand, with progress.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "runtime/base/check.h"
#include "tools/commands.h"

namespace thaw::tools {
namespace {

constexpr auto kProgressDelay = std::chrono::milliseconds(500);
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

// A line that is rewritten in place; nothing at all for quick loads or when stderr is no terminal.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  void update(double fraction, const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - start_ < kProgressDelay || now - last_ < kProgressInterval) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\033[K{:3.0f} %  {}", fraction * 100, printable(what, 60));
    std::fflush(stderr);
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_{};
  bool shown_ = false;
};

}  // namespace

Model open_model(const ModelOptions& options) {
  for (const std::string& path : {options.path, options.weights}) {
    // A wrong path is the user's mistake, not a damaged model. Checkpoints are given by their
    // prefix.
    const bool there =
        ::access(path.c_str(), F_OK) == 0 || ::access((path + ".index").c_str(), F_OK) == 0;
    if (!path.empty() && !there) {
      fail(ErrorCode::failed_precondition, "{}: no such file or directory", printable(path, 1024));
    }
  }
  ProgressLine line;
  LoadOptions load;
  load.weights = options.weights;
  load.by_name = options.by_name;
  load.version = options.version;
  load.signature = options.signature;
  load.tags = options.tags;
  load.inputs = options.graph_inputs;
  load.outputs = options.graph_outputs;
  load.raise_recurrent = !options.no_raise;
  load.optimize = !options.no_optimize;
  load.progress = [&](double fraction, const std::string& what) { line.update(fraction, what); };
  return Model::load(options.path, load);
}

SessionOptions session_options(const ModelOptions& options) {
  SessionOptions session;
  session.threads = options.threads;
  if (options.device == "reference") {
    session.device = DeviceKind::reference;
  } else if (options.device == "cuda") {
    session.device = DeviceKind::cuda;
  } else if (options.device == "auto") {
    session.device = DeviceKind::automatic;
  }
  if (options.weights_as == "fp16") {
    session.weights = WeightStorage::fp16;
  } else if (options.weights_as == "bf16") {
    session.weights = WeightStorage::bf16;
  } else if (options.weights_as == "int8") {
    session.weights = WeightStorage::int8;
  }
  if (options.precision == "tf32") {
    session.precision = Precision::tf32;
  } else if (options.precision == "fp16") {
    session.precision = Precision::fp16;
  } else if (options.precision == "bf16") {
    session.precision = Precision::bf16;
  } else if (options.precision == "f64") {
    session.precision = Precision::f64;
    session.device = DeviceKind::reference;  // the only device that computes in float64
  }
  return session;
}

Session open_session(const Model& model, const ModelOptions& options) {
  if (options.signature.empty()) return model.session(session_options(options));
  return model.session(options.signature, session_options(options));
}

ExitCode exit_code(const Error& error, bool loading) {
  switch (error.code()) {
    case ErrorCode::unimplemented: return kUnsupported;
    case ErrorCode::device: return kDevice;
    case ErrorCode::failed_precondition: return kUsage;
    default: return loading ? kDamaged : kUsage;
  }
}

}  // namespace thaw::tools
