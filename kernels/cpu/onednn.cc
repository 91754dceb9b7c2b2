#include "kernels/cpu/onednn.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/onednn_library.h"
#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw::cpu::onednn {
namespace {

void check(const char* what, dnnl_status_t status) {
  if (status == dnnl_success) return;
  fail(ErrorCode::internal, "oneDNN {}: status {}", what, static_cast<int>(status));
}

/// Owns an object of the library.
template <class Object>
using Owned = std::unique_ptr<Object, dnnl_status_t (*)(Object*)>;

/// make(&pointer, arguments...) behind a name for its failure.
template <class Object, class Make, class... Arguments>
Owned<Object> owned(const char* what, dnnl_status_t (*destroy)(Object*), Make make,
                    const Arguments&... arguments) {
  Object* object = nullptr;
  check(what, make(&object, arguments...));
  return {object, destroy};
}

dnnl_engine_t make_engine() {
  dnnl_engine_t engine = nullptr;
  check("engine", library()->engine_create(&engine, dnnl_cpu, 0));
  return engine;
}

dnnl_engine_t engine() {
  static const dnnl_engine_t instance = make_engine();  // never destroyed
  return instance;
}

/// One OpenMP thread for this scope; the number is a setting of the calling thread.
class SingleThread {
 public:
  SingleThread() : before_(library()->max_threads()) { library()->set_threads(1); }
  ~SingleThread() { library()->set_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

using Axes = std::vector<dnnl_dim_t>;

/// oneDNN's terms for a convolution: channels behind the batch, weights [group,] output, input,
/// window.
struct Dims {
  Axes x, y, w, w_strides, strides, dilations, before, after;
  dnnl_dim_t outputs, x_offset, y_offset;
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

dnnl_memory_desc_t described(const Axes& axes, dnnl_format_tag_t tag) {
  dnnl_memory_desc_t desc;
  check("layout", library()->memory_desc_init_by_tag(&desc, static_cast<int>(axes.size()),
                                                     axes.data(), dnnl_f32, tag));
  return desc;
}

Owned<dnnl_memory> memory(const dnnl_memory_desc_t& desc, const void* data) {
  return owned("memory", library()->memory_destroy, library()->memory_create, &desc, engine(),
               const_cast<void*>(data));
}

Owned<dnnl_primitive> primitive(dnnl_primitive_desc_t desc) {
  return owned<dnnl_primitive>("primitive", library()->primitive_destroy,
                               library()->primitive_create, desc);
}

Owned<dnnl_stream> stream() {
  return owned("stream", library()->stream_destroy, library()->stream_create, engine(),
               dnnl_stream_default_flags);
}

Owned<dnnl_primitive_desc> convolution(const Dims& d, bool has_bias) {
  const auto attr = owned("attributes", library()->attr_destroy, library()->attr_create);
  check("attributes", library()->attr_set_scratchpad_mode(attr.get(), dnnl_scratchpad_mode_user));
  const dnnl_format_tag_t last = d.x.size() == 3   ? dnnl_nwc
                                 : d.x.size() == 4 ? dnnl_nhwc
                                                   : dnnl_ndhwc;
  const dnnl_memory_desc_t x = described(d.x, last), y = described(d.y, last);
  const dnnl_memory_desc_t w = described(d.w, dnnl_format_tag_any);
  const dnnl_memory_desc_t bias = described({d.outputs}, dnnl_a);
  dnnl_convolution_desc_t desc;
  check("convolution",
        library()->convolution_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &x,
                                         &w, has_bias ? &bias : nullptr, &y, d.strides.data(),
                                         d.dilations.data(), d.before.data(), d.after.data()));
  return owned("convolution", library()->primitive_desc_destroy, library()->primitive_desc_create,
               &desc, attr.get(), engine(), nullptr);
}

/// From the graph's layout of the weights to oneDNN's.
void reorder(const Dims& d, const dnnl_memory_desc_t& target, const float* from, float* to) {
  dnnl_memory_desc_t source;
  check("layout", library()->memory_desc_init_by_strides(&source, static_cast<int>(d.w.size()),
                                                         d.w.data(), dnnl_f32, d.w_strides.data()));
  const auto desc =
      owned("reorder", library()->primitive_desc_destroy, library()->reorder_desc_create, &source,
            engine(), &target, engine(), nullptr);
  const auto in = memory(source, from), out = memory(target, to);
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, in.get()}, {DNNL_ARG_TO, out.get()}};
  check("reorder",
        library()->primitive_execute(primitive(desc.get()).get(), stream().get(), 2, args));
}

class Prepared final : public Convolution {
 public:
  Prepared(const Site& site, dnnl_primitive_desc_t pd, const Dims& dims)
      : x_offset_(dims.x_offset),
        y_offset_(dims.y_offset),
        primitive_(primitive(pd)),
        stream_(stream()),
        x_(query(pd, dnnl_query_src_md, 0)),
        w_(query(pd, dnnl_query_weights_md, 0)),
        bias_(query(pd, dnnl_query_weights_md, 1)),
        y_(query(pd, dnnl_query_dst_md, 0)),
        scratch_(query(pd, dnnl_query_scratchpad_md, 0)) {
    scratchpad_ = library()->memory_desc_get_size(&scratch_);
    // The packed layout is oneDNN's choice; its description is part of the cache's key.
    const std::string layout =
        "onednn/" + std::string(reinterpret_cast<const char*>(&w_), sizeof(w_));
    const std::size_t bytes = library()->memory_desc_get_size(&w_);
    weights_ = packed_weights(site, 1, layout, static_cast<std::int64_t>(bytes / sizeof(float)),
                              [&](const float* from, float* to) { reorder(dims, w_, from, to); });
  }

  void execute(const float* x, const float* bias, float* y, std::byte* scratchpad) const override {
    const SingleThread scope;
    const auto in = memory(x_, x + x_offset_), weights = memory(w_, weights_.get());
    const auto out = memory(y_, y + y_offset_), scratch = memory(scratch_, scratchpad);
    const Owned<dnnl_memory> offsets = bias == nullptr
                                           ? Owned<dnnl_memory>(nullptr, library()->memory_destroy)
                                           : memory(bias_, bias);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, in.get()},
                                    {DNNL_ARG_WEIGHTS, weights.get()},
                                    {DNNL_ARG_DST, out.get()},
                                    {DNNL_ARG_SCRATCHPAD, scratch.get()},
                                    {DNNL_ARG_BIAS, offsets.get()}};
    check("execute", library()->primitive_execute(primitive_.get(), stream_.get(),
                                                  bias == nullptr ? 4 : 5, args));
  }

 private:
  /// What is not there (a bias) is described by zeros.
  static dnnl_memory_desc_t query(dnnl_primitive_desc_t pd, dnnl_query_t what, int index) {
    const dnnl_memory_desc_t* desc = library()->primitive_desc_query_md(pd, what, index);
    return desc == nullptr ? dnnl_memory_desc_t{} : *desc;
  }

  std::int64_t x_offset_, y_offset_;
  Owned<dnnl_primitive> primitive_;
  Owned<dnnl_stream> stream_;  // without state on a CPU
  dnnl_memory_desc_t x_, w_, bias_, y_, scratch_;
  std::shared_ptr<const float> weights_;
};

}  // namespace

bool is_there() { return library() != nullptr; }

std::unique_ptr<Convolution> Convolution::prepare(const Site& site, std::int64_t begin,
                                                  std::int64_t end) {
  const SingleThread scope;
  const Dims d = dims_of(site, begin, end);
  const Owned<dnnl_primitive_desc> pd = convolution(d, site.in.size() > 2);
  return std::make_unique<Prepared>(site, pd.get(), d);
}

}  // namespace thaw::cpu::onednn
