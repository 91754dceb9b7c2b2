#include "thaw/model.h"

#include "kernels/backend.h"
#include "kernels/cuda_plugin.h"
#include "loaders/load.h"
#include "runtime/api/model_impl.h"
#include "runtime/base/check.h"
#include "runtime/exec/evaluator.h"
#include "runtime/passes/passes.h"
#include "thaw/thaw.h"

namespace thaw {
namespace {

#ifdef NDEBUG
constexpr bool kVerifyAfterEachPass = false;
#else
constexpr bool kVerifyAfterEachPass = true;
#endif

// What runs on the host: with a GPU, the nodes that it has no kernels for.
const Backend& backend_for(const SessionOptions& options) {
  if (options.precision == Precision::f64 && options.device != DeviceKind::reference) {
    fail(ErrorCode::invalid_argument, "precision f64 runs on the reference device only");
  }
  const bool narrow = options.precision != Precision::f32 && options.precision != Precision::f64;
  if (narrow && options.device != DeviceKind::cuda) {
    fail(ErrorCode::invalid_argument, "precisions tf32, fp16 and bf16 run on the cuda device only");
  }
  if (options.weights != WeightStorage::f32 && options.device != DeviceKind::cpu) {
    fail(ErrorCode::invalid_argument, "compressed weights run on the cpu device only");
  }
  switch (options.device) {
    case DeviceKind::reference: return reference_backend();
    case DeviceKind::cpu:
    case DeviceKind::cuda:
    case DeviceKind::automatic: break;
  }
  return cpu_backend();
}

}  // namespace

const DeviceBackend& usable_cuda() {
  if (const DeviceBackend* cuda = cuda_backend()) return *cuda;
  const CudaReport& report = cuda_status();
  fail(ErrorCode::device, "the GPU cannot be used: {}; {} (thaw doctor tells more)", report.why,
       report.fix);
}

const char* version() { return THAW_VERSION; }

Supported supported() {
  return {supported_keras_layers(), supported_keras_operations(), supported_tensorflow_ops()};
}

std::size_t Model::Impl::signature_index(const std::string& name) const {
  std::string known;
  for (std::size_t i = 0; i < info.signatures.size(); ++i) {
    if (info.signatures[i].name == name) return i;
    known += fmt::format("{}'{}'", i == 0 ? "" : ", ", printable(info.signatures[i].name));
  }
  fail(ErrorCode::not_found, "{}: no signature '{}'; there are {}", printable(info.path),
       printable(name), known);
}

std::shared_ptr<const Program> Model::Impl::program(std::size_t signature,
                                                    const SessionOptions& options) const {
  const Backend& backend = backend_for(options);
  const DeviceBackend* device =
      options.device == DeviceKind::cuda ? &usable_cuda().in_precision(options.precision) : nullptr;
  const std::lock_guard lock(mutex);
  auto& slot = programs[{signature, options.device, options.precision, options.weights}];
  if (slot == nullptr) {
    slot = std::make_shared<Program>(
        graphs[signature], backend,
        ProgramOptions{options.precision, options.max_plans, options.weights, device, optimize});
  }
  slot->keep_plans(options.max_plans);
  return slot;
}

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Model Model::load(const std::string& path, const LoadOptions& options) {
  LoadedModel loaded = load_model(path, options, reference_evaluator());
  auto impl = std::make_shared<Impl>();
  for (LoadedSignature& signature : loaded.signatures) {
    run_pipeline(signature.graph, {options.optimize, kVerifyAfterEachPass});
    impl->graphs.push_back(std::move(signature.graph));
  }
  impl->optimize = options.optimize;
  impl->info = std::move(loaded.info);
  impl->default_signature = loaded.default_signature;
  if (!options.signature.empty())
    impl->default_signature = impl->signature_index(options.signature);
  return Model(std::move(impl));
}

const ModelInfo& Model::info() const { return impl_->info; }

const std::vector<TensorSpec>& Model::inputs() const {
  return impl_->info.signatures[impl_->default_signature].inputs;
}
const std::vector<TensorSpec>& Model::outputs() const {
  return impl_->info.signatures[impl_->default_signature].outputs;
}

Session Model::Impl::session(std::size_t signature, SessionOptions options) const {
  const std::map<std::string, Tensor>& defaults = info.signatures[signature].defaults;
  if (options.device != DeviceKind::automatic) {
    return make_session(program(signature, options), defaults, options);
  }
  options.device = DeviceKind::cpu;
  std::shared_ptr<const Program> on_cpu = program(signature, options), on_gpu;
  if (cuda_backend() != nullptr) {
    options.device = DeviceKind::cuda;
    on_gpu = program(signature, options);
  }
  return make_session(std::move(on_cpu), defaults, options, std::move(on_gpu));
}

Session Model::session(const SessionOptions& options) const {
  return impl_->session(impl_->default_signature, options);
}

Session Model::session(const std::string& signature, const SessionOptions& options) const {
  return impl_->session(impl_->signature_index(signature), options);
}

std::vector<Tensor> Model::predict(const std::vector<Tensor>& inputs) const {
  return session().run(inputs);
}

std::map<std::string, Tensor> Model::predict(const std::map<std::string, Tensor>& inputs) const {
  return session().run(inputs);
}

std::string Model::graph_text() const { return to_text(impl_->graphs[impl_->default_signature]); }

}  // namespace thaw
