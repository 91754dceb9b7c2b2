// Unary on float32: one pass over the elements, split between threads in any place.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/unary.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/functions-inl.h"
// clang-format on

#include "kernels/cpu/broadcast.h"
#include "kernels/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

template <UnaryKind K>
void Loop(float alpha, float beta, const float* in, float* out, std::int64_t count) {
  const V a = Splat(alpha), b = Splat(beta);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(Function<K>(hn::LoadU(f, in + i), a, b), f, out + i);
  }
  if (i < count)
    StorePartial(Function<K>(LoadPartial(in + i, count - i), a, b), out + i, count - i);
}

void Apply(const UnaryFn& fn, const float* in, float* out, std::int64_t count) {
  const float alpha = static_cast<float>(fn.alpha), beta = static_cast<float>(fn.beta);
  switch (fn.kind) {
#define X(kind) \
  case UnaryKind::kind: return Loop<UnaryKind::kind>(alpha, beta, in, out, count);
    THAW_VECTOR_UNARY_KINDS(X)
#undef X
    default: return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(Apply);

bool has_vector_form(UnaryKind kind) {
  switch (kind) {
#define X(kind) case UnaryKind::kind:
    THAW_VECTOR_UNARY_KINDS(X)
#undef X
    return true;
    default: return false;
  }
}

void apply(const UnaryFn& fn, const float* in, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Apply)(fn, in, out, count);
}

namespace {

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(const UnaryFn& fn, std::int64_t count) : fn_(fn), count_(count) {}
  const char* name() const override { return "cpu unary"; }
  bool reads_rows(std::size_t, std::int64_t columns) const override { return columns >= kLeastRow; }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns >= kLeastRow;
  }

  void run(const Args& args) const override {
    const float* in = args.in[0].as<float>();
    float* out = args.out[0].as_mutable<float>();
    parallel(args, count_, 8, [&](std::int64_t begin, std::int64_t end) {
      for_pieces(args, begin, end - begin, [&](std::int64_t index, std::int64_t count) {
        apply(fn_, in + args.in[0].offset_of(index), out + args.out[0].offset_of(index), count);
      });
    });
  }

 private:
  UnaryFn fn_;
  std::int64_t count_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_unary(const Site& site) {
  const UnaryFn& fn = site.op_as<ops::Unary>().fn;
  if (!all_float32(site) || !has_vector_form(fn.kind)) return nullptr;
  return std::make_unique<UnaryKernel>(fn, site.out[0].shape.num_elements());
}

}  // namespace thaw::cpu
#endif
