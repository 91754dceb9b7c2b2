#include "runtime/ir/ops.h"

#include <array>
#include <cstring>

namespace thaw {
namespace {

constexpr std::array kUnaryNames = {
#define X(kind) #kind,
    THAW_UNARY_KINDS(X)
#undef X
};
constexpr std::array kBinaryNames = {
#define X(kind) #kind,
    THAW_BINARY_KINDS(X)
#undef X
};
constexpr std::array kOpNames = {"empty",
#define X(name, Struct) #name,
                                 THAW_OPS(X)
#undef X
};

template <class Kind, std::size_t N>
bool find_kind(const std::array<const char*, N>& names, const std::string& name, Kind& kind) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) {
      kind = static_cast<Kind>(i);
      return true;
    }
  }
  return false;
}

template <class... Lambdas>
struct Overloaded : Lambdas... {
  using Lambdas::operator()...;
};

}  // namespace

const char* name_of(UnaryKind kind) { return kUnaryNames[static_cast<std::size_t>(kind)]; }
const char* name_of(BinaryKind kind) { return kBinaryNames[static_cast<std::size_t>(kind)]; }

bool kind_from_name(const std::string& name, UnaryKind& kind) {
  return find_kind(kUnaryNames, name, kind);
}
bool kind_from_name(const std::string& name, BinaryKind& kind) {
  return find_kind(kBinaryNames, name, kind);
}

bool is_predicate(BinaryKind kind) {
  return kind >= BinaryKind::equal && kind <= BinaryKind::logical_xor;
}
bool is_predicate(UnaryKind kind) {
  return kind == UnaryKind::is_nan || kind == UnaryKind::is_inf || kind == UnaryKind::is_finite ||
         kind == UnaryKind::logical_not;
}

const char* name_of(const Op& op) { return kOpNames[op.index()]; }

Op op_from_name(const std::string& name) {
#define X(op_name, Struct) \
  if (name == #op_name) return ops::Struct{};
  THAW_OPS(X)
#undef X
  return std::monostate{};
}

std::vector<int> host_operands(const Op& op) {
  return std::visit(Overloaded{
                        [](const ops::ConvTranspose&) { return std::vector<int>{2}; },
                        [](const ops::Resize&) {
                          return std::vector<int>{1, 2, 3};
                        },
                        [](const ops::SpaceToBatch&) {
                          return std::vector<int>{1, 2};
                        },
                        [](const ops::BatchToSpace&) {
                          return std::vector<int>{1, 2};
                        },
                        [](const ops::Reduce&) { return std::vector<int>{1}; },
                        [](const ops::TopK&) { return std::vector<int>{1}; },
                        [](const ops::Reshape&) { return std::vector<int>{1}; },
                        [](const ops::Transpose&) { return std::vector<int>{1}; },
                        [](const ops::BroadcastTo&) { return std::vector<int>{1}; },
                        [](const ops::Tile&) { return std::vector<int>{1}; },
                        [](const ops::Range&) {
                          return std::vector<int>{0, 1, 2};
                        },
                        [](const ops::Split&) { return std::vector<int>{1}; },
                        [](const ops::Slice&) {
                          return std::vector<int>{1, 2};
                        },
                        [](const ops::StridedSlice&) {
                          return std::vector<int>{1, 2, 3};
                        },
                        [](const ops::Pad&) { return std::vector<int>{1}; },
                        [](const ops::OneHot&) { return std::vector<int>{1}; },
                        [](const auto&) { return std::vector<int>{}; },
                    },
                    op);
}

bool has_effect(const Op& op) {
  return std::holds_alternative<ops::Assert>(op) ||
         std::holds_alternative<ops::VariableAssign>(op) || std::holds_alternative<ops::Input>(op);
}

bool is_data_dependent(const Op& op) { return std::holds_alternative<ops::Where>(op); }

}  // namespace thaw
