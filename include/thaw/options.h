// Options of loading and running: plain structs whose defaults are right for most callers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "thaw/types.h"

namespace thaw {

/// Bounds on what a model file may make the loader do. A file that would exceed one is refused with
/// resource_exhausted before the memory is taken.
struct Limits {
  std::uint64_t max_file_bytes = std::uint64_t{64} << 30;    // one file, compressed or not
  std::uint64_t max_total_bytes = std::uint64_t{64} << 30;   // all weights of a model, decoded
  std::uint64_t max_message_bytes = std::uint64_t{2} << 30;  // one protobuf or JSON document
  std::uint64_t max_nodes = 4'000'000;                       // graph nodes after inlining
  std::uint64_t max_entries = 1'000'000;  // zip members, HDF5 objects, table rows
  int max_depth = 256;                    // nesting of JSON, groups, models, calls
  int max_rank = 32;
  std::uint64_t max_inflate_ratio = 1032;  // DEFLATE's own bound
  /// Large files are mapped, and large weights stay there until they are needed, also behind the
  /// load. A file that is deleted or replaced meanwhile does no harm; one that is overwritten or
  /// shortened in place changes the weights or ends the process (SIGBUS). Off: files are read at
  /// once, and a change during the load is an error.
  bool map_files = true;
};

struct CustomObjects;

struct LoadOptions {
  /// Weights of a model whose architecture stands alone (JSON, YAML), or instead of those that a
  /// Keras file holds: HDF5 of either layout, `.keras`, `.weights.json` with its shards, `.npz`, a
  /// TensorFlow checkpoint (its prefix, one of its files, or its folder), or a SavedModel. Empty:
  /// the file's own, or the file that stands beside the architecture.
  std::string weights;
  /// HDF5 of the older layout: layers take their weights by name alone, never by their order.
  bool by_name = false;
  /// Version of a model whose versions stand in numbered folders ("model/1", "model/2"); empty: the
  /// highest.
  std::string version;
  /// Signature of a SavedModel that becomes the default; empty: serving_default, else the only one.
  std::string signature;
  /// MetaGraph tags of a SavedModel, comma separated; empty: "serve", else the only MetaGraph.
  std::string tags;
  /// Frozen graphs and MetaGraphs: tensor names ("x:0") that become the inputs and outputs, in this
  /// order; empty: the placeholders, and what nothing else uses. A Const may be named as an input:
  /// it is fed.
  std::vector<std::string> inputs, outputs;
  /// SavedModels: raise recurrent loops to fused recurrent nodes. Off runs the loops as they are
  /// written.
  bool raise_recurrent = true;
  /// Graph passes (folding of BatchNormalization, fusion of bias and activation, ...).
  bool optimize = true;
  /// Layers and ops of the user's own (thaw/custom.h); may be null.
  std::shared_ptr<const CustomObjects> custom;
  Limits limits;
  /// Called with 0..1 during long loads, on the loading thread; may be empty.
  std::function<void(double fraction, const std::string& what)> progress;
};

/// Where a model runs. automatic: on the GPU or the CPU, whichever answers sooner; measured once
/// for each combination of input shapes, with the first inputs. The CPU where no GPU is usable.
enum class DeviceKind : std::uint8_t { cpu, reference, cuda, automatic };
/// f32 keeps the model's own types; f64 computes every float in float64 (reference device only).
/// The others are for the cuda device: products and convolutions of float32 round their operands to
/// the shorter form and sum in float32, where a library of NVIDIA's computes them. With bf16
/// activations between products are kept in bfloat16, too; with fp16, whose range is smaller than
/// float32's, they stay float32. Inputs and outputs keep their types. docs/numerics.md says what is
/// rounded; `thaw verify --precision` measures the error.
enum class Precision : std::uint8_t { f32, f64, tf32, fp16, bf16 };

/// How the cpu device keeps the weights of products, recurrent layers and embeddings. f32: as the
/// model has them. The others are converted once when a plan is made, read in the shorter form on
/// each run and multiplied and summed in float32: less memory traffic for an error that `thaw
/// verify --weights-as` measures. int8 is symmetric with one scale per output channel (per row of
/// an embedding). Weights that a form cannot hold (beyond float16's range, not finite) stay
/// float32.
enum class WeightStorage : std::uint8_t { f32, fp16, bf16, int8 };

struct SessionOptions {
  DeviceKind device = DeviceKind::cpu;
  Precision precision = Precision::f32;
  /// Threads of one run, the calling one included; 0: as many as there are processors.
  int threads = 0;
  /// Plans kept, one per combination of input shapes; the least recently used is dropped.
  int max_plans = 16;
  WeightStorage weights = WeightStorage::f32;
  /// Steps that the loops of one run may take together; a run that needs more ends with
  /// Error(resource_exhausted), so that no model can occupy a thread for ever.
  std::int64_t max_loop_steps = 100'000'000;
};

}  // namespace thaw
