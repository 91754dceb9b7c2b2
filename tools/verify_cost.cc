#include "tools/verify_cost.h"

#include "runtime/base/check.h"
#include "tools/arrays.h"

namespace thaw::tools {
namespace {

std::string form_of(const ModelOptions& options) {
  std::string form;
  if (options.weights_as != "f32") form = "weights " + options.weights_as;
  if (options.precision != "f32" && options.precision != "f64") {
    form += (form.empty() ? "precision " : ", precision ") + options.precision;
  }
  return form;
}

}  // namespace

Session open_oracle(const Model& model, ModelOptions options) {
  options.device = "reference";
  options.precision = "f64";
  options.weights_as = "f32";
  return open_session(model, options);
}

std::vector<Tensor> oracle_inputs(const Session& oracle, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::string note;
    wide.push_back(inputs[i].empty() ? inputs[i]
                                     : convert_to(inputs[i], oracle.inputs()[i].type.dtype,
                                                  oracle.inputs()[i].name, note));
  }
  return wide;
}

bool is_rounded(const ModelOptions& options) { return !form_of(options).empty(); }

Rivals::Rivals(const Model& model, const ModelOptions& options, bool against_reference)
    : form_(form_of(options)),
      device_(options.device),
      against_reference_(against_reference),
      oracle_(open_oracle(model, options)) {
  ModelOptions plain = options;
  plain.weights_as = plain.precision = "f32";
  if (!form_.empty()) plain_.push_back(open_session(model, plain));
  if (!against_reference || device_ == "cpu") return;
  plain.device = "cpu";
  cpu_.push_back(open_session(model, plain));
}

void Rivals::run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& results,
                 const Tolerance& tolerance) {
  const std::vector<Tensor> exact = oracle_.run(oracle_inputs(oracle_, inputs));
  std::vector<std::vector<Tensor>> plain, cpu;
  for (Session& session : plain_) plain.push_back(session.run(inputs));
  for (Session& session : cpu_) cpu.push_back(session.run(inputs));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& name = oracle_.outputs()[i].name;
    if (against_reference_) {
      reference_.push_back({device_, name, compare(results[i], exact[i], tolerance)});
      for (const auto& of_cpu : cpu) {
        reference_.push_back({"cpu", name, compare(of_cpu[i], exact[i], tolerance)});
      }
    }
    if (!is_floating(results[i].dtype())) continue;
    for (const auto& of_plain : plain) {
      costs_.push_back({form_, name, compare(results[i], of_plain[i], tolerance),
                        compare(results[i], exact[i], tolerance)});
    }
  }
}

}  // namespace thaw::tools
