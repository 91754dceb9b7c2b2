#include "kernels/cpu/onednn.h"

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/cpu/gemm.h"
#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

// From <omp.h>, which not every compiler brings along; the library is oneDNN's own libgomp.
extern "C" {
int omp_get_max_threads(void);
void omp_set_num_threads(int);
}

namespace thaw::cpu::onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Forward = dnnl::convolution_forward;
constexpr auto kFloat = memory::data_type::f32;

const dnnl::engine& engine() {
  static const auto* const instance =
      new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed
  return *instance;
}

/// One OpenMP thread for this scope; the number is a setting of the calling thread.
class SingleThread {
 public:
  SingleThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThread() { omp_set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

/// dnnl::error as Thaw's own.
template <class Body>
auto guarded(const char* what, const Body& body) {
  try {
    const SingleThread scope;
    return body();
  } catch (const dnnl::error& error) {
    fail(ErrorCode::internal, "oneDNN {}: {} (status {})", what, error.what(),
         static_cast<int>(error.status));
  }
}

/// oneDNN's terms for a convolution: channels behind the batch, weights [group,] output, input,
/// window.
struct Dims {
  memory::dims x, y, w, w_strides, strides, dilations, before, after;
  memory::dim outputs, x_offset, y_offset;
};

/// Of output lines [begin, end).
Dims dims_of(const Site& site, std::int64_t begin, std::int64_t end) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const int spatial = x.rank() - 2;
  Dims d;
  d.outputs = w[spatial + 1];
  d.x = {1, x[spatial + 1]};
  d.y = {1, y[spatial + 1]};
  if (op.groups > 1) {
    d.w.push_back(op.groups);
    d.w_strides.push_back(d.outputs / op.groups);
  }
  d.w.insert(d.w.end(), {d.outputs / op.groups, w[spatial]});
  d.w_strides.insert(d.w_strides.end(), {1, d.outputs});
  for (int i = 0; i < spatial; ++i) {
    const auto a = static_cast<std::size_t>(i);
    const auto [front, back] =
        window_padding(x[1 + i], w[i], op.strides[a], op.dilations[a], op.padding, i);
    d.x.push_back(x[1 + i]);
    d.y.push_back(y[1 + i]);
    d.w.push_back(w[i]);
    d.w_strides.push_back(product(w, i + 1, w.rank()));
    d.strides.push_back(op.strides[a]);
    d.dilations.push_back(op.dilations[a] - 1);
    d.before.push_back(front);
    d.after.push_back(back);
  }
  // The strip: the input lines that its windows cover, padded only where they leave the image.
  const std::int64_t start = begin * op.strides[0] - d.before[0];
  const std::int64_t stop =
      (end - 1) * op.strides[0] + (w[0] - 1) * op.dilations[0] + 1 - d.before[0];
  const std::int64_t first = std::max<std::int64_t>(0, start), last = std::min(x[1], stop);
  d.before[0] = first - start;
  d.after[0] = stop - last;
  d.x[2] = last - first;
  d.y[2] = end - begin;
  d.x_offset = first * product(x, 2, x.rank());
  d.y_offset = begin * product(y, 2, y.rank());
  return d;
}

class Prepared final : public Convolution {
 public:
  Prepared(const Site& site, const Forward::primitive_desc& pd, const Dims& dims)
      : x_offset_(dims.x_offset),
        y_offset_(dims.y_offset),
        primitive_(pd),
        stream_(engine()),
        x_(pd.src_desc()),
        w_(pd.weights_desc()),
        bias_(pd.bias_desc()),
        y_(pd.dst_desc()),
        scratch_(pd.scratchpad_desc()) {
    scratchpad_ = scratch_.get_size();
    // The packed layout is oneDNN's choice; its description is part of the cache's key.
    const std::string layout =
        "onednn/" + std::string(reinterpret_cast<const char*>(&w_.data), sizeof(w_.data));
    weights_ = packed_weights(
        site, 1, layout, static_cast<std::int64_t>(w_.get_size() / sizeof(float)),
        [&](const float* from, float* to) {
          memory source({dims.w, kFloat, dims.w_strides}, engine(), const_cast<float*>(from));
          memory target(w_, engine(), to);
          dnnl::reorder(source, target).execute(stream_, source, target);
        });
  }

  void execute(const float* x, const float* bias, float* y, std::byte* scratchpad) const override {
    guarded("execute", [&] {
      const auto view = [](const memory::desc& desc, const void* data) {
        return memory(desc, engine(), const_cast<void*>(data));
      };
      std::unordered_map<int, memory> args = {{DNNL_ARG_SRC, view(x_, x + x_offset_)},
                                              {DNNL_ARG_WEIGHTS, view(w_, weights_.get())},
                                              {DNNL_ARG_DST, view(y_, y + y_offset_)},
                                              {DNNL_ARG_SCRATCHPAD, view(scratch_, scratchpad)}};
      if (bias != nullptr) args.emplace(DNNL_ARG_BIAS, view(bias_, bias));
      primitive_.execute(stream_, args);
    });
  }

 private:
  std::int64_t x_offset_, y_offset_;
  dnnl::primitive primitive_;
  dnnl::stream stream_;  // without state on a CPU
  memory::desc x_, w_, bias_, y_, scratch_;
  std::shared_ptr<const float> weights_;
};

}  // namespace

std::unique_ptr<Convolution> Convolution::prepare(const Site& site, std::int64_t begin,
                                                  std::int64_t end) {
  const Dims d = dims_of(site, begin, end);
  const Tag last = d.x.size() == 3 ? Tag::nwc : d.x.size() == 4 ? Tag::nhwc : Tag::ndhwc;
  return guarded("convolution", [&] {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const memory::desc x(d.x, kFloat, last), y(d.y, kFloat, last), any(d.w, kFloat, Tag::any);
    const memory::desc bias =
        site.in.size() > 2 ? memory::desc({d.outputs}, kFloat, Tag::a) : memory::desc();
    const Forward::desc description(dnnl::prop_kind::forward_inference,
                                    dnnl::algorithm::convolution_direct, x, any, bias, y, d.strides,
                                    d.dilations, d.before, d.after);
    const Forward::primitive_desc pd(description, attr, engine());
    return std::unique_ptr<Convolution>(new Prepared(site, pd, d));
  });
}

}  // namespace thaw::cpu::onednn
