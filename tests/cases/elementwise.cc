// Rows of unary, binary, select, cast, assert and identity.
#include <map>

#include "tests/cases/rows.h"

namespace thaw::test {
namespace {

/// Where a function is defined and its result stays moderate.
struct Domain {
  double low = -8, high = 8;
};

Domain domain_of(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::sqrt:
    case UnaryKind::rsqrt:
    case UnaryKind::log:
    case UnaryKind::lgamma:
    case UnaryKind::digamma: return {0.5, 20};
    case UnaryKind::log1p: return {-0.5, 20};
    case UnaryKind::asin:
    case UnaryKind::acos: return {-1, 1};
    case UnaryKind::atanh: return {-0.9, 0.9};
    case UnaryKind::acosh: return {1, 20};
    case UnaryKind::erfc: return {-3, 3};
    case UnaryKind::tan: return {-1.4, 1.4};
    case UnaryKind::reciprocal: return {0.25, 4};
    default: return {};
  }
}

std::vector<UnaryFn> parameters_of(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::clamp: return {{kind, 0, 6}, {kind, -1.5, 0.75}};
    case UnaryKind::hard_sigmoid:
    case UnaryKind::hard_silu: return {{kind, 0.2, 0.5}, {kind, 1.0 / 6, 0.5}};
    case UnaryKind::leaky_relu: return {{kind, 0.3}, {kind, 0}, {kind, 2}};
    case UnaryKind::threshold_relu: return {{kind, 1}};
    case UnaryKind::elu: return {{kind, 1}, {kind, 0.5}};
    case UnaryKind::celu: return {{kind, 1}, {kind, 2}};
    case UnaryKind::soft_shrink:
    case UnaryKind::hard_shrink: return {{kind, 0.5}};
    case UnaryKind::squareplus: return {{kind, 4}};
    default: return {{kind}};
  }
}

bool for_integers(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::linear:
    case UnaryKind::abs:
    case UnaryKind::sign:
    case UnaryKind::square:
    case UnaryKind::round:
    case UnaryKind::relu: return true;
    default: return false;
  }
}

/// How exact a function can be: the policy of docs/numerics.md.
Accuracy accuracy_of(UnaryKind kind) {
  if (is_predicate(kind)) return Accuracy::exact;
  switch (kind) {
    case UnaryKind::linear:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::round:
    case UnaryKind::relu:
    case UnaryKind::clamp:
    case UnaryKind::threshold_relu:
    case UnaryKind::hard_shrink: return Accuracy::exact;
    case UnaryKind::square:
    case UnaryKind::sqrt:
    case UnaryKind::reciprocal:
    case UnaryKind::leaky_relu: return Accuracy::rounded;
    default: return Accuracy::function;
  }
}

Accuracy accuracy_of(BinaryKind kind) {
  if (is_predicate(kind)) return Accuracy::exact;
  switch (kind) {
    case BinaryKind::maximum:
    case BinaryKind::minimum: return Accuracy::exact;
    case BinaryKind::pow:
    case BinaryKind::xlogy:
    case BinaryKind::atan2: return Accuracy::function;
    default: return Accuracy::rounded;
  }
}

const std::vector<UnaryKind> kUnaryKinds = {
#define X(kind) UnaryKind::kind,
    THAW_UNARY_KINDS(X)
#undef X
};
const std::vector<BinaryKind> kBinaryKinds = {
#define X(kind) BinaryKind::kind,
    THAW_BINARY_KINDS(X)
#undef X
};

void add_unary(Rows& rows) {
  for (const UnaryKind kind : kUnaryKinds) {
    const std::string name = std::string("unary ") + name_of(kind);
    if (kind == UnaryKind::logical_not || kind == UnaryKind::bitwise_not) {
      const std::vector<DType> types =
          kind == UnaryKind::logical_not ? std::vector{DType::boolean} : kInts;
      rows.push_back({name, ops::Unary{{kind}}, {whole({67}, 0, 2)}, types});
      continue;
    }
    const Domain domain = domain_of(kind);
    const std::vector<DType> types = for_integers(kind) ? kReals : kFloats;
    const Accuracy accuracy = accuracy_of(kind);
    int variant = 0;
    for (const UnaryFn& fn : parameters_of(kind)) {
      const std::string full = variant == 0 ? name : name + " variant " + std::to_string(variant);
      ++variant;
      rows.push_back(
          {full, ops::Unary{fn}, {x({3, 67}, domain.low, domain.high)}, types, accuracy});
      rows.push_back({full + " special", ops::Unary{fn}, {special({47})}, kFloats, accuracy});
    }
    rows.push_back({name + " empty", ops::Unary{parameters_of(kind)[0]}, {x({0, 5})}, types});
    rows.push_back({name + " scalar",
                    ops::Unary{parameters_of(kind)[0]},
                    {x({}, domain.low, domain.high)},
                    kFloats,
                    accuracy});
  }
  for (const auto& [kind, types] : std::map<UnaryKind, std::vector<DType>>{
           {UnaryKind::neg, kSignedInts}, {UnaryKind::clamp, kSignedInts}}) {
    rows.push_back({std::string("unary ") + name_of(kind) + " integer",
                    ops::Unary{{kind, -2, 5}},
                    {whole({33})},
                    types});
  }
  for (const UnaryKind kind :
       {UnaryKind::neg,   UnaryKind::square,     UnaryKind::exp,    UnaryKind::sqrt,
        UnaryKind::tanh,  UnaryKind::reciprocal, UnaryKind::log,    UnaryKind::sign,
        UnaryKind::rsqrt, UnaryKind::expm1,      UnaryKind::log1p,  UnaryKind::sin,
        UnaryKind::cos,   UnaryKind::tan,        UnaryKind::asin,   UnaryKind::acos,
        UnaryKind::atan,  UnaryKind::sinh,       UnaryKind::cosh,   UnaryKind::asinh,
        UnaryKind::acosh, UnaryKind::atanh,      UnaryKind::sigmoid}) {
    rows.push_back({std::string("unary ") + name_of(kind) + " complex",
                    ops::Unary{{kind}},
                    {x({19}, 0.5, 2)},
                    {DType::complex64, DType::complex128},
                    Accuracy::function});
  }
}

/// Element types, and operands that keep results defined: positive divisors, small exponents.
struct BinaryRow {
  std::vector<DType> types;
  double low = -4, high = 4;    // x
  double low2 = -4, high2 = 4;  // y
};

BinaryRow binary_row(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: return {{DType::boolean}};
    case BinaryKind::bitwise_and:
    case BinaryKind::bitwise_or:
    case BinaryKind::bitwise_xor: return {kInts};
    case BinaryKind::left_shift:
    case BinaryKind::right_shift: return {kInts, 0, 9, 0, 0.3};
    case BinaryKind::div: return {kFloats + std::vector{DType::complex64}, -4, 4, 0.5, 4};
    case BinaryKind::floor_div:
    case BinaryKind::floor_mod:
    case BinaryKind::truncate_div:
    case BinaryKind::truncate_mod: return {{DType::float32, DType::float64}, -40, 40, 0.5, 4};
    case BinaryKind::div_no_nan:
    case BinaryKind::xdivy: return {kFloats, -4, 4, 0.5, 4};
    case BinaryKind::mul_no_nan: return {kFloats};
    case BinaryKind::xlogy:
    case BinaryKind::pow: return {kFloats, 0.25, 4, 0.25, 3};
    case BinaryKind::atan2: return {kFloats};
    case BinaryKind::add:
    case BinaryKind::sub:
    case BinaryKind::mul: return {kNumbers, 0, 1};
    case BinaryKind::equal:
    case BinaryKind::not_equal: return {kAll, -1, 1, -1, 1};
    case BinaryKind::squared_difference: return {kFloats + kSignedInts, -0.5, 0.5, -0.5, 0.5};
    default: return {kReals, -1, 1, -1, 1};
  }
}

bool has_specials(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::floor_div:
    case BinaryKind::floor_mod:
    case BinaryKind::truncate_div:
    case BinaryKind::truncate_mod: return false;  // a quotient's rounding decides
    default: return binary_row(kind).types[0] == DType::float32;
  }
}

void add_binary(Rows& rows) {
  for (const BinaryKind kind : kBinaryKinds) {
    const std::string name = std::string("binary ") + name_of(kind);
    const BinaryRow row = binary_row(kind);
    const Accuracy accuracy = accuracy_of(kind);
    const auto add = [&](const char* suffix, Shape a, Shape b) {
      rows.push_back({name + suffix,
                      ops::Binary{kind},
                      {x(std::move(a), row.low, row.high), x(std::move(b), row.low2, row.high2)},
                      row.types,
                      accuracy});
    };
    add(" same shape", {2, 67}, {2, 67});
    add(" row", {3, 5, 33}, {33});
    add(" column", {3, 7, 5}, {7, 1});
    add(" outer", {9, 1}, {1, 17});
    add(" scalar", {67}, {});
    add(" scalar first", {}, {2, 31});
    add(" empty", {0, 3}, {1, 3});
    if (has_specials(kind)) {
      rows.push_back({name + " special",
                      ops::Binary{kind},
                      {special({22}), special({23, 1})},
                      {DType::float32, DType::float64},
                      accuracy});
    }
  }
  const OperandCase numerator = given({12}, {7, -7, 7, -7, 6, -6, 0, 0, 1, -1, 99, -99});
  const OperandCase divisor = given({12}, {3, 3, -3, -3, 3, 3, 5, -5, -1, 2, 7, 7});
  for (const BinaryKind kind : {BinaryKind::floor_div, BinaryKind::floor_mod,
                                BinaryKind::truncate_div, BinaryKind::truncate_mod}) {
    rows.push_back({std::string("binary ") + name_of(kind) + " signs",
                    ops::Binary{kind},
                    {numerator, divisor},
                    kSignedInts + std::vector{DType::float32, DType::float64}});
    rows.push_back({std::string("binary ") + name_of(kind) + " unsigned",
                    ops::Binary{kind},
                    {given({4}, {7, 99, 0, 6}), given({4}, {3, 7, 5, 3})},
                    {DType::uint8, DType::uint16, DType::uint32, DType::uint64}});
  }
  rows.push_back({"binary pow integer",
                  ops::Binary{BinaryKind::pow},
                  {given({5}, {2, -3, 0, 5, 1}), given({5}, {6, 3, 0, 2, 9})},
                  kSignedInts});
  rows.push_back(
      {"binary add strings", ops::Binary{BinaryKind::add}, {x({5}), x({3, 1})}, {DType::string}});
}

void add_others(Rows& rows) {
  rows.push_back(
      {"select same shape", ops::Select{}, {bools({3, 17}), x({3, 17}), x({3, 17})}, kAll});
  rows.push_back(
      {"select broadcast", ops::Select{}, {bools({4, 1, 1}), x({3, 1}), x({4, 1, 17})}, kAll});
  rows.push_back({"select scalars", ops::Select{}, {bools({67}), x({}), x({})}, kAll});
  rows.push_back({"select scalar condition", ops::Select{}, {bools({}), x({19}), x({19})}, kAll});
  rows.push_back({"select empty", ops::Select{}, {bools({0}), x({0}), x({0})}, kAll});
  rows.push_back({"select special", ops::Select{}, {bools({23}), special({23}), x({23})}, kFloats});
  for (const DType to : kNumbers + std::vector{DType::boolean}) {
    const std::string name = std::string("cast to ") + name_of(to);
    rows.push_back({name,
                    ops::Cast{to},
                    {whole({300}, 0, 100)},
                    kNumbers + std::vector{DType::boolean},
                    Accuracy::rounded});
    if (is_floating(to)) {
      rows.push_back(
          {name + " special", ops::Cast{to}, {special({31})}, kFloats, Accuracy::rounded});
    }
  }
  rows.push_back({"cast truncates", ops::Cast{DType::int32}, {x({67}, -50, 50)}, kFloats});
  rows.push_back({"cast empty", ops::Cast{DType::int32}, {x({0})}, kAll});
  rows.back().dtypes.pop_back();  // strings
  rows.push_back(
      {"assert", ops::Assert{"never"}, {given({3}, {1})}, {DType::boolean}, Accuracy::exact, 0});
  rows.push_back({"identity", ops::Identity{}, {x({3, 17})}, kAll});
  rows.push_back({"unary linear anything", ops::Unary{}, {x({3, 17})}, kAll});
  rows.push_back({"identity empty", ops::Identity{}, {x({0, 17})}, kAll});
}

void add_expressions(Rows& rows) {
  const auto add = [&](const char* name, const char* expression, std::vector<OperandCase> operands,
                       Accuracy accuracy = Accuracy::function) {
    rows.push_back({std::string("elementwise ") + name, ops::Elementwise{expression},
                    std::move(operands), kFloats, accuracy});
  };
  add("scale and shift", "relu(add(mul($0, $1), $2))", {x({3, 700}), x({700}), x({700})});
  add("one operand", "mul($0, sigmoid($0))", {x({5, 131}, -6, 6)});
  add("parameters", "leaky_relu<0.25, 0>(clamp<-0.5, 0.5>($0))", {x({2, 67}, -2, 2)});
  add("scalars", "add(mul($0, $1), $2)", {x({67}), x({}), x({1})});
  add("outer", "exp(neg(mul($0, $1)))", {x({37, 1}), x({1, 19})});
  add("column", "div(sub($0, $1), $2)", {x({2, 9, 33}), x({2, 9, 1}), x({2, 9, 1}, 1, 2)});
  add("deep", "add($0, mul($1, add($2, mul($3, add($4, square($5))))))",
      {x({2, 40}), x({2, 40}), x({40}), x({2, 40}), x({}), x({2, 40})}, Accuracy::sum);
  add("without a vector form", "add(sin($0), atan2($0, $1))", {x({43}), x({43}, 1, 2)});
  add("special", "maximum(add($0, $1), $1)", {special({23}), special({23})});
  add("empty", "neg(add($0, $1))", {x({0, 3}), x({3})});
  add("scalar", "sqrt(square($0))", {x({})});
  // Left results wait for the right ones: more of them than a kernel may keep. Not in halves, where
  // six roundings are more than one function's.
  add("wide", "add(neg($0), sub(neg($1), add(neg($2), sub(neg($3), add(neg($4), neg($5))))))",
      {x({3, 21}), x({3, 21}), x({21}), x({3, 1}), x({3, 21}), x({3, 21})}, Accuracy::sum);
  rows.back().dtypes = {DType::float32, DType::float64};
}

}  // namespace

Rows elementwise_rows() {
  Rows rows;
  add_unary(rows);
  add_binary(rows);
  add_others(rows);
  add_expressions(rows);
  return rows;
}

}  // namespace thaw::test
