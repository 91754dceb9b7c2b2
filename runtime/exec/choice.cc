#include "runtime/exec/choice.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr int kWarmUps = 2;  // a device run is enqueued first, then recorded
constexpr int kRuns = 5;
constexpr double kEnough = 0.2;  // seconds: slow models need few runs
constexpr std::size_t kMostVerdicts = 256;

/// Of one run, in seconds: the least of several.
double time_of(const std::shared_ptr<const Program>& program, const RunnerOptions& options,
               std::span<const Tensor> inputs) {
  using Clock = std::chrono::steady_clock;
  Runner runner(program, options);
  std::vector<Tensor> outputs;
  for (int i = 0; i < kWarmUps; ++i) runner.run(inputs, outputs);
  double least = std::numeric_limits<double>::infinity(), sum = 0;
  for (int i = 0; i < kRuns && sum < kEnough; ++i) {
    const auto begin = Clock::now();
    runner.run(inputs, outputs);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    least = std::min(least, seconds);
    sum += seconds;
  }
  return least;
}

}  // namespace

Choice::Choice(std::shared_ptr<const Program> program, std::shared_ptr<const Program> rival,
               const RunnerOptions& options)
    : program_(std::move(program)),
      rival_program_(std::move(rival)),
      options_(options),
      runner_(program_, options),
      last_(&runner_) {}

bool Choice::rival_is_quicker(std::span<const Tensor> inputs) const {
  const double own = time_of(program_, options_, inputs);  // bad inputs are an error here
  try {
    return time_of(rival_program_, options_, inputs) < own;
  } catch (const Error&) {
    return false;
  }
}

Runner& Choice::runner_for(std::span<const Tensor> inputs) {
  if (rival_program_ == nullptr) return runner_;
  const bool stateful = !program_->variables().empty();
  for (const Verdict& verdict : verdicts_) {
    const bool same = std::equal(
        verdict.shapes.begin(), verdict.shapes.end(), inputs.begin(), inputs.end(),
        [](const Shape& shape, const Tensor& tensor) { return shape == tensor.shape(); });
    if (stateful || same) return *(last_ = verdict.runner);
  }
  const bool quicker = rival_is_quicker(inputs);
  if (quicker && rival_ == nullptr) rival_ = std::make_unique<Runner>(rival_program_, options_);
  last_ = quicker ? rival_.get() : &runner_;
  if (verdicts_.size() == kMostVerdicts) verdicts_.erase(verdicts_.begin());
  verdicts_.push_back({{}, last_});
  for (const Tensor& input : inputs) verdicts_.back().shapes.push_back(input.shape());
  return *last_;
}

Runner& Choice::device_runner() {
  if (rival_program_ == nullptr || program_->device() != nullptr) return *(last_ = &runner_);
  if (!program_->variables().empty()) {
    fail(ErrorCode::failed_precondition,
         "enqueue: a model with state does not change devices; choose cuda instead of automatic");
  }
  if (rival_ == nullptr) rival_ = std::make_unique<Runner>(rival_program_, options_);
  return *(last_ = rival_.get());
}

void Choice::wait() {
  runner_.wait();
  if (rival_ != nullptr) rival_->wait();
}

void Choice::prepare(const std::vector<Shape>& shapes) {
  runner_.prepare(shapes);
  if (rival_program_ == nullptr) return;
  std::vector<Tensor> zeros;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    zeros.emplace_back(program_->inputs()[i].type.dtype, shapes[i]);
  }
  runner_for(zeros).prepare(shapes);
}

void Choice::reset() {
  runner_.reset();
  if (rival_ != nullptr) rival_->reset();
}

}  // namespace thaw
