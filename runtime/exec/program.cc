#include "runtime/exec/program.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/rounded.h"
#include "runtime/exec/evaluator.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

Graph folded(const Graph& graph, Precision precision) {
  const Graph wide = precision == Precision::f64 ? widen_to_float64(graph) : Graph{};
  const Graph& source = precision == Precision::f64 ? wide : graph;
  std::vector<Shape> shapes;
  for (ValueId input : source.inputs) shapes.push_back(source.values[at(input)].type.shape);
  return specialise(source, shapes, reference_evaluator());
}

std::vector<TensorSpec> specs(const Graph& graph, const std::vector<ValueId>& values,
                              const std::vector<std::string>& names) {
  THAW_CHECK(values.size() == names.size(), "{} names for {} values", names.size(), values.size());
  std::vector<TensorSpec> result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const TensorType& type = graph.values[at(values[i])].type;
    if (size_of(type.dtype) == 0) {
      fail(ErrorCode::unimplemented, "'{}' is a {}, not a tensor", printable(names[i]),
           name_of(type.dtype));
    }
    result.push_back({names[i], type});
  }
  return result;
}

// A device that has kernels for expressions fuses what it could run alone: a launch costs it more
// than a function.
bool device_fuses(const DeviceBackend& device, const Op& op, DType dtype) {
  const bool function =
      std::holds_alternative<ops::Unary>(op) || std::holds_alternative<ops::Binary>(op);
  if (!function || dtype != DType::float32) return false;
  const std::vector<TensorType> types(2, {dtype, {1}});
  const std::vector<const Tensor*> unknown(2, nullptr);
  const std::span<const TensorType> in(types);
  const std::size_t operands = std::holds_alternative<ops::Binary>(op) ? 2 : 1;
  const std::span<const Tensor* const> constants(unknown);
  const Op expression = ops::Elementwise{"relu($0)"};
  return device.prepare({op, in.first(operands), in.first(1), constants.first(operands)}) !=
             nullptr &&
         device.prepare({expression, in.first(1), in.first(1), constants.first(1)}) != nullptr;
}

// Both sides fuse attention that they have a kernel for.
bool device_attends(const DeviceBackend& device) {
  const std::vector<TensorType> types(3, {DType::float32, {1, 1, 1}});
  const std::vector<const Tensor*> unknown(3, nullptr);
  const Op attention = ops::Attention{};
  return device.prepare({attention, types, std::span(types).first(1), unknown}) != nullptr;
}

}  // namespace

Program::Program(const Graph& graph, const Backend& backend, const ProgramOptions& options)
    : graph_(folded(graph, options.precision)),
      backend_(backend),
      device_(options.device),
      optimize_(options.optimize),
      narrows_(options.device != nullptr && options.precision == Precision::bf16),
      inputs_(specs(graph_, graph_.inputs, graph_.input_names)),
      outputs_(specs(graph_, graph_.outputs, graph_.output_names)),
      packs_(options.weights),
      capacity_(static_cast<std::size_t>(std::max(1, options.max_plans))) {}

std::shared_ptr<const Compiled> Program::find(const std::vector<Shape>& shapes, int threads,
                                              bool fused, Door door) const {
  const std::lock_guard lock(cache_mutex_);
  for (auto entry = cache_.begin(); entry != cache_.end(); ++entry) {
    const Compiled& known = **entry;
    if (known.threads != threads || known.fused != fused || known.door != door ||
        known.shapes != shapes) {
      continue;
    }
    cache_.splice(cache_.begin(), cache_, entry);
    return cache_.front();
  }
  return nullptr;
}

void Program::fuse(Graph& graph) const {
  const bool attends = device_ == nullptr ? backend_.fuses(ops::Attention{}, DType::float32)
                                          : device_attends(*device_);
  if (attends) fuse_attention(graph);
  if (device_ == nullptr && backend_.fuses(ops::Pool{}, DType::float32)) fuse_pool(graph);
  fuse_elementwise(graph, [&](const Op& op, DType dtype) {
    return device_ == nullptr ? backend_.fuses(op, dtype) : device_fuses(*device_, op, dtype);
  });
}

// Plans share the rounded constants, so that the device has them once.
void Program::narrow(Graph& graph) const {
  narrow_activations(graph, [&](const Tensor& wide) {
    const auto kept = packs_.get(wide, "bfloat16", [&]() -> std::shared_ptr<const void> {
      return std::make_shared<const Tensor>(rounded(wide, DType::bfloat16));
    });
    return *static_cast<const Tensor*>(kept.get());
  });
}

std::shared_ptr<const Compiled> Program::compile_now(const std::vector<Shape>& shapes, int threads,
                                                     bool fused, Door door) const {
  auto compiled = std::make_shared<Compiled>();
  compiled->shapes = shapes;
  compiled->threads = threads;
  compiled->fused = fused;
  compiled->door = door;
  Graph graph = specialise(graph_, shapes, reference_evaluator());
  if (optimize_) run_shaped_pipeline(graph);
  if (fused) fuse(graph);
  Graph interpreted = narrows_ ? graph : Graph{};  // in float32
  if (narrows_) narrow(graph);
  compiled->plan =
      compile(std::move(graph), backend_, &packs_, threads, compiled->why, device_, door);
  if (compiled->plan == nullptr) {  // compile left it as it was
    compiled->graph = std::move(narrows_ ? interpreted : graph);
  }
  return compiled;
}

std::shared_ptr<const Compiled> Program::compiled(const std::vector<Shape>& shapes, int threads,
                                                  bool fused, Door door) const {
  if (std::shared_ptr<const Compiled> found = find(shapes, threads, fused, door)) return found;
  const std::lock_guard compiling(compile_mutex_);
  if (std::shared_ptr<const Compiled> found = find(shapes, threads, fused, door)) return found;
  std::shared_ptr<const Compiled> compiled = compile_now(shapes, threads, fused, door);
  ++plans_compiled_;
  const std::lock_guard lock(cache_mutex_);
  cache_.push_front(compiled);
  while (cache_.size() > capacity_) cache_.pop_back();
  return compiled;
}

void Program::keep_plans(int max_plans) const {
  const std::lock_guard lock(cache_mutex_);
  capacity_ = std::max(capacity_, static_cast<std::size_t>(std::max(1, max_plans)));
}

std::vector<std::shared_ptr<const Compiled>> Program::cached() const {
  const std::lock_guard lock(cache_mutex_);
  return {cache_.begin(), cache_.end()};
}

}  // namespace thaw
