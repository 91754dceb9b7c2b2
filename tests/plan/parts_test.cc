// Parts of a Concat are written where they belong, what a Split takes is read where it is.
#include "runtime/plan/parts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/ir/builder.h"
#include "runtime/plan/plan.h"

namespace thaw {
namespace {

std::shared_ptr<const Plan> planned(Graph graph, const Backend& backend = cpu_backend()) {
  std::string why;
  std::shared_ptr<const Plan> plan = compile(std::move(graph), backend, nullptr, 1, why);
  EXPECT_NE(plan, nullptr) << why;
  return plan;
}

const Place& place_of(const Plan& plan, const std::string& name) {
  for (std::size_t i = plan.graph.values.size(); i-- > 0;) {
    if (plan.graph.values[i].name == name) return plan.places[i];
  }
  ADD_FAILURE() << "no value " << name;
  return plan.places[0];
}

int steps_of(const Plan& plan, const std::string& op) {
  return static_cast<int>(
      std::count_if(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
        return step.node != kNoNode &&
               op == name_of(plan.graph.nodes[static_cast<std::size_t>(step.node)].op);
      }));
}

void expect_place(const Plan& plan, const std::string& name, Home home, std::size_t elements,
                  std::int64_t columns, std::int64_t pitch) {
  const Place& place = place_of(plan, name);
  EXPECT_EQ(place.home, home) << name << "\n" << plan.to_text();
  if (home != Home::arena) {
    EXPECT_EQ(place.offset, elements * sizeof(float)) << name;
  }
  EXPECT_EQ(place.columns, columns) << name << "\n" << plan.to_text();
  EXPECT_EQ(place.pitch, pitch) << name;
}

/// Ops by name.
class Builder {
 public:
  Graph graph;
  GraphBuilder g{graph};

  ValueId input(const std::string& name, Shape shape) {
    return g.input(name, {DType::float32, std::move(shape)});
  }
  ValueId unary(const std::string& name, UnaryKind kind, ValueId x) {
    g.set_scope(name);
    return g.unary({kind}, x);
  }
  ValueId add(const std::string& name, ValueId x, ValueId y) {
    g.set_scope(name);
    return g.binary(BinaryKind::add, x, y);
  }
  ValueId concat(const std::string& name, const std::vector<ValueId>& parts, std::int64_t axis) {
    g.set_scope(name);
    return g.add1(ops::Concat{axis}, parts);
  }
  std::vector<ValueId> split(const std::string& name, ValueId x, std::int64_t axis, int count) {
    g.set_scope(name);
    return g.add(ops::Split{axis}, {x}, count);
  }
  ValueId total(const std::string& name, ValueId x) {
    g.set_scope(name);
    return g.reduce(ReduceKind::sum, x, {0, 1}, false);
  }
};

TEST(Parts, RowsAreWrittenIntoTheirConcatByAnyKernel) {
  Builder b;
  const ValueId x = b.input("x", {2, 5}), z = b.input("z", {3, 5});
  const ValueId a = b.unary("a", UnaryKind::exp, x), c = b.unary("c", UnaryKind::tanh, z);
  b.g.output("y", b.concat("y", {a, c}, 0));
  const auto plan = planned(std::move(b.graph), reference_backend());
  EXPECT_EQ(plan->steps.size(), 2u) << plan->to_text();
  EXPECT_EQ(plan->in_place.size(), 1u);
  EXPECT_EQ(plan->memory.arena_bytes, 0u);
  expect_place(*plan, "a", Home::output, 0, 0, 0);
  expect_place(*plan, "c", Home::output, 10, 0, 0);
}

Graph columns_joined(std::int64_t width) {
  Builder b;
  const ValueId x = b.input("x", {3, width}), z = b.input("z", {3, 2 * width});
  const ValueId a = b.unary("a", UnaryKind::exp, x), c = b.unary("c", UnaryKind::tanh, z);
  b.g.output("y", b.total("y", b.concat("joined", {a, c}, -1)));
  return std::move(b.graph);
}

TEST(Parts, ColumnsAreWrittenByKernelsThatAllowGaps) {
  const auto plan = planned(columns_joined(40));
  EXPECT_EQ(steps_of(*plan, "concat"), 0) << plan->to_text();
  expect_place(*plan, "a", Home::arena, 0, 40, 120);
  expect_place(*plan, "c", Home::arena, 0, 80, 120);
  EXPECT_EQ(place_of(*plan, "c").offset, place_of(*plan, "a").offset + 160);
  const std::string text = plan->to_text();
  for (const char* part : {"(40 of each 120)", "concat 'joined' [in place]: "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(Parts, ColumnsAreCopiedForKernelsThatDoNot) {
  const auto reference = planned(columns_joined(40), reference_backend());
  EXPECT_EQ(steps_of(*reference, "concat"), 1) << reference->to_text();
  expect_place(*reference, "a", Home::arena, 0, 0, 0);
  const auto narrow = planned(columns_joined(8));  // too short for a call per row
  EXPECT_EQ(steps_of(*narrow, "concat"), 1) << narrow->to_text();
}

TEST(Parts, WhatCannotMoveIsCopiedBesideTheRest) {
  Builder b;
  const ValueId x = b.input("x", {3, 40});
  const ValueId a = b.unary("a", UnaryKind::exp, x);
  b.g.output("y", b.total("y", b.concat("joined", {x, a, a}, 1)));
  b.g.output("z", b.total("z", b.concat("other", {x, b.unary("c", UnaryKind::tanh, x)}, 1)));
  const auto plan = planned(std::move(b.graph));
  EXPECT_EQ(steps_of(*plan, "concat"), 2) << plan->to_text();
  expect_place(*plan, "a", Home::arena, 0, 0, 0);  // twice in one Concat
  expect_place(*plan, "c", Home::arena, 0, 40, 80);
}

TEST(Parts, ConcatsOfConcatsAreOne) {
  Builder b;
  const ValueId x = b.input("x", {3, 40});
  const ValueId a = b.unary("a", UnaryKind::exp, x), c = b.unary("c", UnaryKind::tanh, x);
  const ValueId inner = b.concat("inner", {a, c}, 1);
  const ValueId d = b.unary("d", UnaryKind::neg, inner);  // reads it with gaps
  b.g.output("y", b.total("y", b.concat("outer", {d, inner}, 1)));
  const auto plan = planned(std::move(b.graph));
  EXPECT_EQ(plan->in_place.size(), 2u) << plan->to_text();
  expect_place(*plan, "inner", Home::arena, 0, 80, 160);
  expect_place(*plan, "a", Home::arena, 0, 40, 160);
  EXPECT_EQ(place_of(*plan, "c").offset, place_of(*plan, "d").offset + 120 * sizeof(float));
}

TEST(Parts, AWholeIsNotOverwrittenWhileAPartIsNeeded) {
  Builder b;
  const ValueId x = b.input("x", {2, 8});
  const ValueId a = b.unary("a", UnaryKind::exp, x), c = b.unary("c", UnaryKind::tanh, x);
  const ValueId whole = b.concat("whole", {a, c}, 0);
  const ValueId changed = b.unary("changed", UnaryKind::neg, whole);
  const ValueId again = b.unary("again", UnaryKind::abs, changed);  // may overwrite `changed`
  b.g.output("y", b.total("y", again));
  b.g.output("z", b.total("z", a));
  const auto plan = planned(std::move(b.graph), reference_backend());
  EXPECT_EQ(plan->in_place.size(), 1u) << plan->to_text();
  EXPECT_NE(place_of(*plan, "changed").offset, place_of(*plan, "whole").offset);
  EXPECT_EQ(place_of(*plan, "changed").offset, place_of(*plan, "again").offset);
}

TEST(Parts, APartThatDiesIsNotOverwritten) {
  Builder b;
  const ValueId x = b.input("x", {2, 8});
  const ValueId a = b.unary("a", UnaryKind::exp, x), c = b.unary("c", UnaryKind::tanh, x);
  b.g.output("y", b.total("y", b.concat("whole", {a, c}, 0)));
  const ValueId last = b.unary("last", UnaryKind::neg, a);
  b.g.output("z", b.total("z", last));
  const auto plan = planned(std::move(b.graph), reference_backend());
  EXPECT_EQ(plan->in_place.size(), 1u) << plan->to_text();
  EXPECT_NE(place_of(*plan, "last").offset, place_of(*plan, "a").offset) << plan->to_text();
}

TEST(Parts, PartsOfASplitAreReadWhereTheyLie) {
  Builder b;
  const ValueId x = b.input("x", {3, 120});
  const std::vector<ValueId> parts = b.split("parts", x, 1, 3);
  const ValueId sum = b.add("sum", parts[0], parts[2]);
  b.g.output("y", b.add("y", sum, parts[1]));
  const auto plan = planned(std::move(b.graph));
  EXPECT_EQ(plan->steps.size(), 2u) << plan->to_text();
  EXPECT_EQ(plan->steps[0].in[0].place.home, Home::input);
  EXPECT_EQ(plan->steps[0].in[1].place.offset, 80 * sizeof(float));
  EXPECT_EQ(plan->steps[0].in[1].place.pitch, 120);
  const std::string text = plan->to_text();
  EXPECT_NE(text.find("input 0 from 80 (40 of each 120)"), std::string::npos) << text;
}

TEST(Parts, ASliceOfRowsIsReadByAnyKernelAndKeepsItsOperand) {
  Builder b;
  const ValueId x = b.input("x", {4, 8});
  const ValueId a = b.unary("a", UnaryKind::exp, x);
  b.g.set_scope("rows");
  const ValueId rows =
      b.g.add1(ops::Slice{}, {a, b.g.constant(Tensor::from<std::int64_t>(Shape{2}, {1, 0})),
                              b.g.constant(Tensor::from<std::int64_t>(Shape{2}, {2, 8}))});
  const ValueId all = b.unary("all", UnaryKind::neg, a);  // may not overwrite a: rows lives
  b.g.output("y", b.total("y", all));
  b.g.output("z", b.total("z", rows));
  const auto plan = planned(std::move(b.graph), reference_backend());
  EXPECT_EQ(steps_of(*plan, "slice"), 0) << plan->to_text();
  EXPECT_EQ(place_of(*plan, "rows").offset, place_of(*plan, "a").offset + 32);
  EXPECT_NE(place_of(*plan, "all").offset, place_of(*plan, "a").offset);
}

// `early` is little of the whole and waits for the rest through many steps, which need much
// memory.
TEST(Parts, MemoryIsNotKeptForPartsToCome) {
  Builder b;
  const ValueId x = b.input("x", {1, 64}), wide = b.input("wide", {64, 64});
  const ValueId early = b.unary("early", UnaryKind::exp, x);
  ValueId y = b.unary("y0", UnaryKind::tanh, wide);
  for (int i = 0; i < 3; ++i) {
    b.g.set_scope("turn" + std::to_string(i));
    y = b.g.transpose(y, {1, 0});
  }
  const ValueId late = b.unary("late", UnaryKind::neg, b.input("more", {63 * 3, 64}));
  const ValueId joined = b.concat("joined", {early, late}, 0);
  b.g.output("z", b.total("z", b.add("sum", joined, b.total("t", y))));
  const auto plan = planned(std::move(b.graph));
  EXPECT_LE(static_cast<double>(plan->memory.arena_bytes),
            1.2 * static_cast<double>(plan->memory.lower_bound))
      << plan->to_text();
  EXPECT_GE(plan->memory.arena_bytes, plan->memory.lower_bound);
  EXPECT_EQ(steps_of(*plan, "concat"), 1) << plan->to_text();  // copies `early`
  EXPECT_EQ(place_of(*plan, "late").offset, place_of(*plan, "joined").offset + 256);
}

}  // namespace
}  // namespace thaw
