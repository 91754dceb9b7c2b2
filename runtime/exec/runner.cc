#include "runtime/exec/runner.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/exec/launch_recorder.h"
#include "runtime/passes/merge_types.h"

namespace thaw {
namespace {

std::string names(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) {
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", printable(spec.name));
  }
  return text;
}

bool overlap(const Tensor& a, const Tensor& b) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a.data());
  const auto begin_b = reinterpret_cast<std::uintptr_t>(b.data());
  return begin_a < begin_b + b.size_bytes() && begin_b < begin_a + a.size_bytes();
}

const TensorType& type_of(const Tensor& tensor) { return tensor.type(); }
const TensorType& type_of(const DeviceTensor& tensor) { return tensor.type; }

template <class AnyTensor>
bool same_shapes(const std::vector<Shape>& shapes, std::span<const AnyTensor> tensors) {
  return std::equal(
      shapes.begin(), shapes.end(), tensors.begin(), tensors.end(),
      [](const Shape& shape, const AnyTensor& tensor) { return shape == type_of(tensor).shape; });
}

template <class AnyTensor>
void check_types(const std::vector<TensorSpec>& specs, std::span<const AnyTensor> inputs) {
  if (inputs.size() != specs.size()) {
    fail(ErrorCode::invalid_argument, "expected {} inputs ({}), got {}", specs.size(), names(specs),
         inputs.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = specs[i];
    const TensorType& type = type_of(inputs[i]);
    if (inputs[i].empty()) {
      fail(ErrorCode::invalid_argument, "input '{}': expected {}, got nothing",
           printable(spec.name), to_string(spec.type));
    }
    if (type.dtype != spec.type.dtype || !fits(type.shape, spec.type.shape)) {
      fail(ErrorCode::invalid_argument, "input '{}': expected {}, got {}", printable(spec.name),
           to_string(spec.type), to_string(type));
    }
  }
}

void refuse_strings(const std::vector<TensorSpec>& specs, const char* what) {
  for (const TensorSpec& spec : specs) {
    if (spec.type.dtype != DType::string) continue;
    fail(ErrorCode::unimplemented,
         "enqueue: {} '{}' is of strings, which no device's memory holds; run() takes them", what,
         printable(spec.name));
  }
}

bool reaches(const DeviceBackend* device, const DeviceTensor& tensor) {
  return tensor.data != nullptr && device->device().reaches(tensor.data.get());
}

const Device* device_of(const Program& program) {
  return program.device() == nullptr ? nullptr : &program.device()->device();
}

// Kernels read whole elements; a borrowed buffer may lie anywhere.
bool is_aligned(const Tensor& tensor) {
  const std::size_t element = size_of(tensor.dtype());
  const std::size_t alignment = is_complex(tensor.dtype())        ? element / 2
                                : tensor.dtype() == DType::string ? alignof(std::string)
                                                                  : element;
  return reinterpret_cast<std::uintptr_t>(tensor.data()) % alignment == 0;
}

/// A run in progress, as other sessions of the program see it: several that together have more
/// threads than there are processors would only take them from one another.
class BusyThreads {
 public:
  BusyThreads(std::atomic<int>& busy, int own)
      : busy_(busy), own_(own > 1 ? own : 0), sum_(own_ == 0 ? 0 : busy.fetch_add(own_) + own_) {}
  ~BusyThreads() {
    if (own_ > 0) busy_ -= own_;
  }
  BusyThreads(const BusyThreads&) = delete;
  BusyThreads& operator=(const BusyThreads&) = delete;

  bool exceed(int processors) const { return sum_ > std::max(own_, processors); }

 private:
  std::atomic<int>& busy_;
  int own_, sum_;
};

}  // namespace

Runner::Runner(std::shared_ptr<const Program> program, const RunnerOptions& options)
    : program_(std::move(program)),
      pool_(options.threads),
      processors_(static_cast<int>(std::thread::hardware_concurrency())),
      max_plans_(static_cast<std::size_t>(std::max(1, options.max_plans))),
      max_loop_steps_(options.max_loop_steps) {
  program_->keep_plans(options.max_plans);
  reset();
}

Runner::~Runner() = default;

void Runner::reset() {
  wait();
  variables_.clear();
  for (const Variable& variable : program_->variables())
    variables_.push_back(variable.initial.clone());
}

void Runner::check_inputs(std::span<const Tensor> inputs) const {
  check_types(program_->inputs(), inputs);
}

void Runner::check_inputs(std::span<const DeviceTensor> inputs) const {
  const std::vector<TensorSpec>& specs = program_->inputs();
  check_types(specs, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool known = inputs[i].type.shape.is_static();
    if (known && (inputs[i].size_bytes() == 0 || reaches(program_->device(), inputs[i]))) continue;
    fail(ErrorCode::invalid_argument, "input '{}': {} is not in memory that the GPU reaches",
         printable(specs[i].name), to_string(inputs[i].type));
  }
}

template <class AnyTensor>
Runner::Bound& Runner::bound(std::span<const AnyTensor> inputs, bool fused, Door door) {
  for (auto entry = bounds_.begin(); entry != bounds_.end(); ++entry) {
    const Compiled& known = *entry->compiled;
    if (known.fused != fused || known.door != door || !same_shapes(known.shapes, inputs)) continue;
    bounds_.splice(bounds_.begin(), bounds_, entry);
    return bounds_.front();
  }
  std::vector<Shape> shapes;
  for (const AnyTensor& input : inputs) shapes.push_back(type_of(input).shape);
  return bind(shapes, fused, door);
}

// Copies to and from a device need pinned memory.
std::shared_ptr<std::byte> Runner::allocate_arena(std::size_t bytes) const {
  if (const DeviceBackend* device = program_->device()) {
    return device->device().allocate(bytes, MemoryKind::pinned);
  }
  return {allocate_aligned(bytes).release(), AlignedFree{}};
}

// One arena, and one on the device, serve all plans of this runner in turn.
void Runner::take_memory(BoundPlan& plan) {
  const std::size_t bytes = plan.plan().memory.arena_bytes;
  if (arena_ == nullptr || bytes > arena_bytes_) {
    std::shared_ptr<std::byte> arena = allocate_arena(bytes);
    for (Bound& other : bounds_) {
      if (other.plan != nullptr) other.plan->bind_arena(arena.get());
    }
    arena_ = std::move(arena);
    arena_bytes_ = bytes;
  }
  plan.bind_arena(arena_.get());
  if (plan.device_bytes() == 0) return;
  if (device_arena_ == nullptr || plan.device_bytes() > device_arena_bytes_) {
    device_arena_ = program_->device()->device().allocate(plan.device_bytes(), MemoryKind::device);
    device_arena_bytes_ = plan.device_bytes();
    for (Bound& other : bounds_) {
      if (other.plan != nullptr) other.plan->bind_device(device_arena_);
    }
  }
  plan.bind_device(device_arena_);
}

Runner::Bound& Runner::bind(const std::vector<Shape>& shapes, bool fused, Door door) {
  wait();  // memory may grow, and a plan may go
  Bound bound;
  bound.compiled = program_->compiled(shapes, pool_.threads(), fused, door);
  if (bound.compiled->plan != nullptr) {
    const std::shared_ptr<const Plan>& plan = bound.compiled->plan;
    for (ValueId output : plan->graph.outputs) {
      bound.output_types.push_back(plan->graph.values[static_cast<std::size_t>(output)].type);
    }
    bound.plan = std::make_unique<BoundPlan>(plan, pool_);
    take_memory(*bound.plan);
  } else {
    bound.interpreter = std::make_unique<Interpreter>(bound.compiled->graph, program_->backend(),
                                                      &program_->packs(), pool_.threads());
    bound.interpreter->limit_loop_steps(max_loop_steps_);
  }
  bounds_.push_front(std::move(bound));
  if (bounds_.size() > max_plans_) bounds_.pop_back();
  return bounds_.front();
}

void Runner::make_outputs(const Bound& bound, std::span<const Tensor> inputs,
                          std::vector<Tensor>& outputs) {
  outputs.resize(bound.output_types.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    bool usable = outputs[i].type() == bound.output_types[i] && is_aligned(outputs[i]);
    for (std::size_t k = 0; usable && k < inputs.size(); ++k) {
      usable = !overlap(outputs[i], inputs[k]);
    }
    for (std::size_t k = 0; usable && k < i; ++k) usable = !overlap(outputs[i], outputs[k]);
    if (!usable) outputs[i] = Tensor(bound.output_types[i].dtype, bound.output_types[i].shape);
  }
}

std::span<const Tensor> Runner::aligned(std::span<const Tensor> inputs) {
  if (std::all_of(inputs.begin(), inputs.end(), is_aligned)) return inputs;
  aligned_inputs_.assign(inputs.begin(), inputs.end());
  for (Tensor& input : aligned_inputs_) {
    if (!is_aligned(input)) input = input.clone();
  }
  return aligned_inputs_;
}

void Runner::execute(std::span<const Tensor> inputs, std::vector<Tensor>& outputs,
                     const ValueVisit* visit, const LaunchVisit* launches) {
  const OnDevice scope(device_of(*program_));
  check_inputs(inputs);
  wait();
  inputs = aligned(inputs);
  Bound& entry = bound(inputs, visit == nullptr, Door::host);  // a trace shows every value
  if (entry.plan == nullptr) {
    outputs = entry.interpreter->run(inputs, variables_, pool_, visit, launches);
    return;
  }
  make_outputs(entry, inputs, outputs);
  const BusyThreads busy(program_->busy_threads(), pool_.threads());
  entry.plan->use_pool(busy.exceed(processors_) ? alone_ : pool_);
  if (visit != nullptr) {
    entry.plan->trace(inputs, outputs, variables_, *visit);
  } else if (launches != nullptr) {
    entry.plan->profile(inputs, outputs, variables_, *launches);
  } else {
    entry.plan->run(inputs, outputs, variables_);
  }
}

void Runner::run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs) {
  execute(inputs, outputs, nullptr);
}

void Runner::make_outputs(const std::vector<TensorType>& types,
                          std::vector<DeviceTensor>& outputs) const {
  const DeviceBackend* device = program_->device();
  outputs.resize(types.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorType& type = types[i];
    DeviceTensor& output = outputs[i];
    const bool usable = output.type == type && output.data != nullptr;
    if (!usable) {
      output = {type, MemoryPlace::gpu, nullptr};
      output.data = device->device().allocate(output.size_bytes(), MemoryKind::device);
    } else if (output.size_bytes() > 0 && !reaches(device, output)) {
      fail(ErrorCode::invalid_argument, "output '{}': it is not in memory that the GPU reaches",
           printable(program_->outputs()[i].name));
    }
  }
}

// The shapes of the results are known when they are there: so the host waits.
void Runner::interpret(Interpreter& interpreter, std::span<const DeviceTensor> inputs,
                       std::vector<DeviceTensor>& outputs, void* stream) {
  if (ferry_ == nullptr) ferry_ = std::make_unique<Ferry>(program_->device()->device());
  const std::vector<Tensor> fetched = ferry_->fetch(inputs, stream);
  const std::vector<Tensor> results = interpreter.run(fetched, variables_, pool_, nullptr);
  std::vector<TensorType> types;
  for (const Tensor& result : results) types.push_back(result.type());
  make_outputs(types, outputs);
  ferry_->bring(results, outputs);
}

void Runner::enqueue(std::span<const DeviceTensor> inputs, std::vector<DeviceTensor>& outputs,
                     void* stream) {
  if (program_->device() == nullptr) {
    fail(ErrorCode::failed_precondition,
         "enqueue: this session runs on the CPU; SessionOptions::device chooses cuda");
  }
  refuse_strings(program_->inputs(), "input");
  refuse_strings(program_->outputs(), "output");
  const OnDevice scope(device_of(*program_));
  check_inputs(inputs);
  Bound& entry = bound(inputs, true, Door::device);
  if (in_flight_ != entry.plan.get()) wait();
  if (entry.plan == nullptr) {
    interpret(*entry.interpreter, inputs, outputs, stream);
    return;
  }
  make_outputs(entry.output_types, outputs);
  in_flight_ = entry.plan.get();
  in_flight_->start(inputs, outputs, variables_, stream);
}

void Runner::wait() {
  const OnDevice scope(device_of(*program_));
  if (BoundPlan* plan = std::exchange(in_flight_, nullptr)) plan->finish();
}

void Runner::trace(std::span<const Tensor> inputs, const ValueVisit& visit) {
  std::vector<Tensor> outputs;
  execute(inputs, outputs, &visit);
}

Profile Runner::profile(std::span<const Tensor> inputs, int runs) {
  if (runs < 1) fail(ErrorCode::invalid_argument, "a profile takes at least one run, got {}", runs);
  std::vector<Tensor> outputs;
  execute(inputs, outputs, nullptr);
  const std::int64_t begin = clock_nanoseconds();
  for (int i = 0; i < runs; ++i) execute(inputs, outputs, nullptr);
  const std::int64_t end = clock_nanoseconds();
  LaunchRecorder recorder;
  const LaunchVisit visit = [&](const LaunchSeen& launch) { recorder.add(launch); };
  for (int i = 0; i < runs; ++i) execute(inputs, outputs, nullptr, &visit);
  Profile profile = recorder.take();
  profile.runs = runs;
  profile.microseconds = static_cast<double>(end - begin) * 1e-3;
  return profile;
}

void Runner::prepare(const std::vector<Shape>& shapes) {
  const std::vector<TensorSpec>& specs = program_->inputs();
  if (shapes.size() != specs.size()) {
    fail(ErrorCode::invalid_argument, "expected shapes of {} inputs ({}), got {}", specs.size(),
         names(specs), shapes.size());
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (!shapes[i].is_static() || !fits(shapes[i], specs[i].type.shape)) {
      fail(ErrorCode::invalid_argument, "input '{}': expected {}, got shape {}",
           printable(specs[i].name), to_string(specs[i].type), shapes[i].to_string());
    }
  }
  const auto known = std::find_if(bounds_.begin(), bounds_.end(), [&](const Bound& entry) {
    const Compiled& compiled = *entry.compiled;
    return compiled.fused && compiled.door == Door::host && compiled.shapes == shapes;
  });
  if (known == bounds_.end()) {
    const OnDevice scope(device_of(*program_));
    bind(shapes);
  } else {
    bounds_.splice(bounds_.begin(), bounds_, known);
  }
}

RunStats Runner::stats() const {
  RunStats stats;
  stats.planned = !bounds_.empty() && bounds_.front().plan != nullptr;
  stats.arena_bytes = stats.planned ? bounds_.front().plan->plan().memory.arena_bytes : 0;
  stats.arena_lower_bound = stats.planned ? bounds_.front().plan->plan().memory.lower_bound : 0;
  stats.plans = program_->plans_compiled();
  stats.pack_ms = program_->packs().pack_ms();
  return stats;
}

std::string Runner::plan_text() const {
  if (bounds_.empty()) return "nothing has run\n";
  const Compiled& compiled = *bounds_.front().compiled;
  if (compiled.plan != nullptr) return compiled.plan->to_text();
  return fmt::format("interpreted on the host: {}\n{}", compiled.why, to_text(compiled.graph));
}

}  // namespace thaw
