// The thaw command: options to structs, exceptions to exit codes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace thaw::tools {
namespace {

void add_model_options(CLI::App& app, ModelOptions& options, bool runs) {
  app.add_option("--weights,-w", options.weights,
                 "Weights file, for an architecture without weights (JSON, YAML)");
  app.add_flag("--by-name", options.by_name,
               "Older HDF5 weights: by the layers' names alone, never by their order");
  app.add_option("--version", options.version,
                 "Version of a model in numbered folders (default: the highest)");
  app.add_option("--signature,-s", options.signature,
                 "Signature of a SavedModel (default: serving_default)");
  app.add_option("--tags", options.tags,
                 "MetaGraph tags of a SavedModel, comma separated (default: serve)");
  app.add_option("--graph-inputs", options.graph_inputs,
                 "Frozen graph: tensors that are fed, e.g. x:0")
      ->delimiter(',');
  app.add_option("--graph-outputs", options.graph_outputs, "Frozen graph: tensors that are fetched")
      ->delimiter(',');
  app.add_flag("--no-raise", options.no_raise,
               "Run recurrent loops of TensorFlow graphs as they are written");
  app.add_flag("--no-optimize", options.no_optimize, "Skip the graph passes");
  if (!runs) return;
  app.add_option("--device,-d", options.device,
                 "Where to run; auto: the GPU or the CPU, whichever is measured to be quicker")
      ->check(CLI::IsMember({"cpu", "reference", "cuda", "auto"}))
      ->capture_default_str();
  app.add_option("--precision,-p", options.precision,
                 "f64 computes in float64 on the reference device; tf32, fp16 and bf16 round the "
                 "operands of products on the cuda device")
      ->check(CLI::IsMember({"f32", "f64", "tf32", "fp16", "bf16"}))
      ->capture_default_str();
  app.add_option(
         "--weights-as", options.weights_as,
         "How the cpu device keeps the weights of products, recurrent layers and embeddings")
      ->check(CLI::IsMember({"f32", "fp16", "bf16", "int8"}))
      ->capture_default_str();
  app.add_option("--threads,-t", options.threads, "Threads of a run; 0: all processors")
      ->capture_default_str();
}

void add_size_options(CLI::App& app, std::int64_t& batch, std::int64_t& length) {
  app.add_option("--batch,-b", batch, "Batch size where the model leaves it open")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
  app.add_option("--length", length, "Unknown dimensions behind the batch")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
}

constexpr const char* kFooter =
    "Exit codes: 0 match or done, 1 mismatch, 2 usage or inputs that do not fit, 3 unsupported "
    "model\n"
    "(every name on stderr), 4 device, 5 damaged or hostile file. Results on stdout, the rest on "
    "stderr.";

int main(int argc, char** argv) {
  CLI::App app(
      "Runs saved Keras and TensorFlow models without TensorFlow and proves what they predict.",
      "thaw");
  app.set_version_flag("--version", version());
  app.footer(kFooter);
  app.require_subcommand(1);
  int code = kMatch;

  ShowOptions show_options;
  CLI::App* show_app =
      app.add_subcommand("show", "Layers, shapes, parameters, signatures of a saved model");
  show_app->add_option("MODEL", show_options.model.path, "File or directory")->required();
  show_app->add_flag("--json", show_options.json, "Machine-readable");
  CLI::Option* graph_flag =
      show_app->add_flag("--graph", show_options.graph, "The imported graph as text");
  show_app
      ->add_flag("--plan", show_options.plan, "The steps of a run on --device, and their memory")
      ->excludes(graph_flag);
  show_app->add_option("--batch,-b", show_options.batch, "Batch size of the plan")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
  show_app->add_option("--length", show_options.length, "Other unknown dimensions of the plan")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
  add_model_options(*show_app, show_options.model, true);
  show_app->callback(
      [&] { code = show_options.plan ? show_plan(show_options) : show(show_options); });

  app.add_subcommand("doctor", "Driver, GPU and libraries, and why the GPU is not used")
      ->callback([&] { code = doctor(); });

  CheckOptions check_options;
  CLI::App* check_app =
      app.add_subcommand("check", "Can it run? Lists everything unsupported at once");
  check_app->add_option("MODEL", check_options.model.path, "File or directory")->required();
  check_app->add_flag("--json", check_options.json, "Machine-readable");
  add_model_options(*check_app, check_options.model, false);
  check_app->callback([&] { code = check(check_options); });

  std::string supported_what = "layers";
  CLI::App* supported_app =
      app.add_subcommand("supported", "The layers and ops that this build opens");
  supported_app->add_option("WHAT", supported_what, "layers (Keras) or ops (TensorFlow)")
      ->check(CLI::IsMember({"layers", "ops"}))
      ->capture_default_str();
  supported_app->callback([&] { code = supported(supported_what); });

  RunOptions run_options;
  CLI::App* run_app = app.add_subcommand("run", "Predict from arrays in files");
  run_app->add_option("MODEL", run_options.model.path, "File or directory")->required();
  run_app->add_option("--inputs,-i", run_options.inputs, "npz, npy, json or csv");
  run_app->add_option(
      "--text", run_options.texts,
      "A text (repeat for a batch): for a model of strings, or through --tokenizer");
  run_app->add_option("--text-file", run_options.text_file, "The same from a file, one per line");
  run_app->add_option("--tokenizer", run_options.tokenizer,
                      "tokenizer.json of a Keras Tokenizer: the texts become padded sequences");
  run_app->add_option("--maxlen", run_options.maxlen,
                      "Length of the sequences (default: the model's, else the longest)");
  run_app->add_option("--padding", run_options.padding, "Where short sequences are filled")
      ->check(CLI::IsMember({"pre", "post"}))
      ->capture_default_str();
  run_app->add_option("--truncating", run_options.truncating, "Where long sequences are cut")
      ->check(CLI::IsMember({"pre", "post"}))
      ->capture_default_str();
  run_app->add_option("--outputs,-o", run_options.outputs, "npz, or json; - is JSON on stdout")
      ->capture_default_str();
  add_model_options(*run_app, run_options.model, true);
  run_app->callback([&] { code = run(run_options); });

  VerifyOptions verify_options;
  CLI::App* verify_app =
      app.add_subcommand("verify", "Does the model predict what it did when it was saved?");
  verify_app
      ->add_option("PATH", verify_options.paths,
                   "A model (with --inputs and --expected), or case folders")
      ->required();
  verify_app->add_option("--inputs,-i", verify_options.inputs, "Inputs (npz)");
  verify_app->add_option("--expected,-e", verify_options.expected, "Expected outputs (npz)");
  verify_app->add_option("--rtol", verify_options.rtol,
                         "Relative tolerance (default 1e-4, or the case's)");
  verify_app->add_option("--atol", verify_options.atol,
                         "Absolute tolerance (default 1e-5, or the case's)");
  verify_app
      ->add_option("--against", verify_options.against,
                   "reference: also compares the device's predictions, and the CPU's, with "
                   "reference float64; --expected may then be left out")
      ->check(CLI::IsMember({"stored", "reference"}))
      ->capture_default_str();
  verify_app->add_flag("--bisect", verify_options.bisect,
                       "Name the first layer that leaves reference float64");
  verify_app->add_flag("--json", verify_options.json, "Machine-readable");
  verify_app->add_flag("--quiet,-q", verify_options.quiet,
                       "Print only what is not as expected, and the sum");
  add_model_options(*verify_app, verify_options.model, true);
  verify_app->callback([&] { code = verify(verify_options); });

  BenchOptions bench_options;
  CLI::App* bench_app = app.add_subcommand("bench", "Load time, latency and throughput");
  bench_app->add_option("MODEL", bench_options.model.path, "File or directory")->required();
  bench_app->add_option("--inputs,-i", bench_options.inputs,
                        "npz, npy, json or csv (default: random)");
  bench_app->add_option("--batch,-b", bench_options.batches, "Batch sizes")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
  bench_app
      ->add_option("--concurrency,-c", bench_options.concurrencies,
                   "Sessions that run at once, to try each")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  bench_app
      ->add_option("--length", bench_options.length,
                   "Unknown dimensions behind the batch, for random inputs")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
  bench_app->add_option("--seconds", bench_options.seconds, "How long each row is measured")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  bench_app->add_option("--json", bench_options.json, "Write the figures to this file");
  bench_app->add_option("--csv", bench_options.csv, "Write the rows to this file");
  bench_app->add_option("--svg", bench_options.svg, "Draw the distributions into this file");
  bench_app->add_option("--compare", bench_options.compare, "An earlier --json file");
  add_model_options(*bench_app, bench_options.model, true);
  bench_app->remove_option(bench_app->get_option("--threads"));  // a list here
  bench_app->add_option("--threads,-t", bench_options.threads, "Threads of a run, to try each")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  bench_app->callback([&] { code = bench(bench_options); });

  ProfileOptions profile_options;
  CLI::App* profile_app = app.add_subcommand("profile", "Where the time of a run goes, op by op");
  profile_app->add_option("MODEL", profile_options.model.path, "File or directory")->required();
  profile_app->add_option("--inputs,-i", profile_options.inputs,
                          "npz, npy, json or csv (default: random)");
  add_size_options(*profile_app, profile_options.batch, profile_options.length);
  profile_app->add_option("--runs,-n", profile_options.runs, "Runs to sum up")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  profile_app->add_option("--trace", profile_options.trace,
                          "Write a Chrome trace (chrome://tracing, Perfetto) to this file");
  profile_app->add_flag("--json", profile_options.json, "Machine-readable");
  add_model_options(*profile_app, profile_options.model, true);
  profile_app->callback([&] { code = profile(profile_options); });

  try {
    app.parse(argc, argv);
    return code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kMatch : kUsage;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error, true);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory\n");
    return kDevice;
  }
}

}  // namespace
}  // namespace thaw::tools

int main(int argc, char** argv) { return thaw::tools::main(argc, argv); }
