#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {
namespace {

struct Named {
  std::string_view op;
  const char* function;
};

constexpr Named kFunctions[] = {
    {"BesselI0", "bessel_i0"},
    {"BesselI0e", "bessel_i0e"},
    {"BesselI1", "bessel_i1"},
    {"BesselI1e", "bessel_i1e"},
    {"BesselJ0", "bessel_j0"},
    {"BesselJ1", "bessel_j1"},
    {"BesselK0", "bessel_k0"},
    {"BesselK0e", "bessel_k0e"},
    {"BesselK1", "bessel_k1"},
    {"BesselK1e", "bessel_k1e"},
    {"BesselY0", "bessel_y0"},
    {"BesselY1", "bessel_y1"},
    {"Betainc", "betainc"},
    {"Dawsn", "dawsn"},
    {"Erfinv", "erfinv"},
    {"Expint", "expint"},
    {"FresnelCos", "fresnel_cos"},
    {"FresnelSin", "fresnel_sin"},
    {"Igamma", "igamma"},
    {"Igammac", "igammac"},
    {"Ndtri", "ndtri"},
    {"Polygamma", "polygamma"},
    {"Spence", "spence"},
    {"Zeta", "zeta"},
};

}  // namespace

// kind: the number of operands.
Results special_function(OpContext& c) {
  c.expect_count(c.kind);
  for (const Named& named : kFunctions) {
    if (named.op == c.node.op()) return add_host_call(c, named.function, {}, 1);
  }
  fail(ErrorCode::internal, "{} has no host function", c.node.op());
}

Results cumulative_logsumexp(OpContext& c) {
  c.expect_count(2);
  return add_host_call(
      c, "cumulative_logsumexp",
      {{"exclusive", c.node.flag("exclusive")}, {"reverse", c.node.flag("reverse")}}, 1);
}

}  // namespace thaw::tf::importers
