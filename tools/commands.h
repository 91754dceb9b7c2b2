// The subcommands: options as plain structs, filled by main.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thaw/thaw.h"

namespace thaw::tools {

/// What the command's exit status says.
enum ExitCode : int {
  kMatch = 0,        // also: done
  kMismatch = 1,     // a prediction differs
  kUsage = 2,        // wrong options, or inputs that do not fit the model
  kUnsupported = 3,  // the model needs something that Thaw does not run; every name is on stderr
  kDevice = 4,       // the device is absent or failed
  kDamaged = 5,      // the file is truncated, damaged, hostile, or not a model
};

/// How to open and run a model; shared by all subcommands.
struct ModelOptions {
  std::string path;
  std::string weights;
  std::string version;
  std::string signature;
  std::string tags;
  std::vector<std::string> graph_inputs, graph_outputs;  // of frozen graphs
  std::string device = "cpu";
  std::string precision = "f32";
  std::string weights_as = "f32";
  int threads = 0;
  bool by_name = false;
  bool no_raise = false;
  bool no_optimize = false;
};

struct ShowOptions {
  ModelOptions model;
  bool json = false, graph = false, plan = false;
  std::int64_t batch = 1, length = 32;  // of unknown dimensions, for the plan
};

struct CheckOptions {
  ModelOptions model;
  bool json = false;
};

struct RunOptions {
  ModelOptions model;
  std::string inputs;
  std::string outputs = "-";
  // Texts through a Keras tokenizer instead of arrays.
  std::string tokenizer;
  std::vector<std::string> texts;
  std::string text_file;  // one text per line
  std::int64_t maxlen = -1;
  std::string padding = "pre", truncating = "pre";
};

struct VerifyOptions {
  ModelOptions model;
  std::vector<std::string> paths;  // one model, or case folders
  std::string inputs, expected;    // given: the path is a model
  std::string against = "stored";  // or reference, besides
  std::optional<double> rtol, atol;
  bool bisect = false, json = false, quiet = false;
};

struct BenchOptions {
  ModelOptions model;
  std::string inputs;  // empty: random ones
  std::vector<std::int64_t> batches = {1};
  std::vector<int> threads = {1};
  std::vector<int> concurrencies = {1};  // sessions that run at once
  std::int64_t length = 32;              // of unknown dimensions behind the batch
  double seconds = 1;                    // per row
  std::string json, csv, svg;            // files to write
  std::string compare;                   // an earlier --json file
};

struct ProfileOptions {
  ModelOptions model;
  std::string inputs;  // empty: random ones
  std::int64_t batch = 1, length = 32;
  int runs = 20;
  bool json = false;
  std::string trace;  // file to write
};

int bench(const BenchOptions& options);
int profile(const ProfileOptions& options);
int show(const ShowOptions& options);
int show_plan(const ShowOptions& options);
int doctor();
int supported(const std::string& what);
int check(const CheckOptions& options);
int run(const RunOptions& options);
int verify(const VerifyOptions& options);

/// Loads with a progress line on stderr when that is a terminal and loading takes long.
Model open_model(const ModelOptions& options);
SessionOptions session_options(const ModelOptions& options);
Session open_session(const Model& model, const ModelOptions& options);

/// The exit code for a failure while opening (`loading`) or running a model.
ExitCode exit_code(const Error& error, bool loading);

}  // namespace thaw::tools
