#include "thaw/session.h"

#include "kernels/backend.h"
#include "runtime/api/model_impl.h"
#include "runtime/base/check.h"
#include "runtime/exec/choice.h"

namespace thaw {

struct Session::Impl {
  std::shared_ptr<const Program> program;
  std::vector<Tensor> defaults;  // per input; empty: the input must be given
  Choice choice;
  std::vector<Tensor> filled;  // inputs with defaults put in, reused between runs

  Impl(std::shared_ptr<const Program> shared, std::shared_ptr<const Program> rival,
       const std::map<std::string, Tensor>& by_name, const RunnerOptions& options)
      : program(std::move(shared)), choice(program, std::move(rival), options) {
    for (const TensorSpec& spec : program->inputs()) {
      const auto found = by_name.find(spec.name);
      Tensor value = found == by_name.end() ? Tensor() : found->second;
      // A program in float64 takes its defaults in float64.
      if (!value.empty() && value.dtype() != spec.type.dtype) {
        value = evaluate(ops::Cast{spec.type.dtype}, {value}, 1)[0];
      }
      defaults.push_back(std::move(value));
    }
  }

  /// The caller's inputs with defaults for empty ones.
  std::span<const Tensor> complete(const std::vector<Tensor>& inputs) {
    bool any = false;
    for (std::size_t i = 0; i < inputs.size() && i < defaults.size(); ++i) {
      any |= inputs[i].empty() && !defaults[i].empty();
    }
    if (!any) return inputs;
    filled = inputs;
    for (std::size_t i = 0; i < filled.size() && i < defaults.size(); ++i) {
      if (filled[i].empty()) filled[i] = defaults[i];
    }
    return filled;
  }

  std::vector<Tensor> in_order(const std::map<std::string, Tensor>& inputs) const {
    std::vector<Tensor> ordered;
    std::size_t used = 0;
    for (const TensorSpec& spec : program->inputs()) {
      const auto found = inputs.find(spec.name);
      used += found != inputs.end();
      ordered.push_back(found == inputs.end() ? Tensor() : found->second);
      if (found == inputs.end() && defaults[ordered.size() - 1].empty()) {
        fail(ErrorCode::invalid_argument, "input '{}' ({}) is missing", printable(spec.name),
             to_string(spec.type));
      }
    }
    if (used == inputs.size()) return ordered;
    std::string known;
    for (const TensorSpec& spec : program->inputs())
      known += fmt::format(" '{}'", printable(spec.name));
    for (const auto& [name, tensor] : inputs) {
      if (known.find(fmt::format(" '{}'", printable(name))) == std::string::npos) {
        fail(ErrorCode::invalid_argument, "the model has no input '{}'; its inputs are{}",
             printable(name), known);
      }
    }
    fail(ErrorCode::invalid_argument, "{} inputs given, the model's are{}", inputs.size(), known);
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session make_session(std::shared_ptr<const Program> program, std::map<std::string, Tensor> defaults,
                     const SessionOptions& options, std::shared_ptr<const Program> rival) {
  return Session(std::make_unique<Session::Impl>(
      std::move(program), std::move(rival), defaults,
      RunnerOptions{options.threads, options.max_plans, options.max_loop_steps}));
}

const std::vector<TensorSpec>& Session::inputs() const { return impl_->program->inputs(); }
const std::vector<TensorSpec>& Session::outputs() const { return impl_->program->outputs(); }

void Session::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  const std::span<const Tensor> whole = impl_->complete(inputs);
  impl_->choice.runner_for(whole).run(whole, outputs);
}

std::vector<Tensor> Session::run(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

std::map<std::string, Tensor> Session::run(const std::map<std::string, Tensor>& inputs) {
  const std::vector<Tensor> results = run(impl_->in_order(inputs));
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < results.size(); ++i) named[outputs()[i].name] = results[i];
  return named;
}

void Session::enqueue(const std::vector<DeviceTensor>& inputs, std::vector<DeviceTensor>& outputs,
                      void* stream) {
  impl_->choice.device_runner().enqueue(inputs, outputs, stream);
}
void Session::wait() { impl_->choice.wait(); }

void Session::trace(
    const std::vector<Tensor>& inputs,
    const std::function<void(const std::string& name, const Tensor& value)>& visit) {
  const std::span<const Tensor> whole = impl_->complete(inputs);
  impl_->choice.runner_for(whole).trace(whole, visit);
}

Profile Session::profile(const std::vector<Tensor>& inputs, int runs) {
  const std::span<const Tensor> whole = impl_->complete(inputs);
  return impl_->choice.runner_for(whole).profile(whole, runs);
}

void Session::prepare(const std::vector<Shape>& input_shapes) {
  impl_->choice.prepare(input_shapes);
}
void Session::reset() { impl_->choice.reset(); }
RunStats Session::stats() const { return impl_->choice.last().stats(); }
std::string Session::plan_text() const { return impl_->choice.last().plan_text(); }

}  // namespace thaw
