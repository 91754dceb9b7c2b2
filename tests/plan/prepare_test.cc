#include "runtime/plan/prepare.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "runtime/base/memory.h"
#include "runtime/ir/builder.h"
#include "runtime/plan/plan.h"
#include "thaw/error.h"

namespace thaw {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

TEST(PackCache, WhatIsExpectedSharesABlock) {
  PackCache packs;
  packs.expect(3 * kHugePage / 2);  // one whole page
  std::shared_ptr<std::byte> first = packs.allocate(kHugePage / 2 + 1);
  const std::shared_ptr<std::byte> second = packs.allocate(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.get()) % kHugePage, 0u);
  EXPECT_EQ(second.get() - first.get(), static_cast<std::ptrdiff_t>(align_up(kHugePage / 2 + 1)));
  const std::shared_ptr<std::byte> other = packs.allocate(kHugePage);  // no room
  const bool inside = other.get() >= first.get() && other.get() < first.get() + kHugePage;
  EXPECT_FALSE(inside);
  first.reset();
  std::memset(second.get(), 1, 100);  // keeps the block
  std::memset(other.get(), 1, kHugePage);
}

TEST(PackCache, NothingExpectedAndNothingAskedFor) {
  PackCache packs;
  packs.expect(kHugePage - 1);
  EXPECT_NE(packs.allocate(0), nullptr);
  EXPECT_NE(packs.allocate(10), packs.allocate(10));
}

TEST(PackCache, KnowsWhatItHolds) {
  PackCache packs;
  const Tensor packed = Tensor::from<float>(Shape{2}, {1, 2});
  const Tensor other = Tensor::from<float>(Shape{2}, {1, 2});
  packs.get(packed, "layout", [&] { return packs.allocate(8); });
  EXPECT_TRUE(packs.holds(packed));
  EXPECT_FALSE(packs.holds(other));
}

Tensor weights(std::int64_t inputs, std::int64_t outputs) {
  Tensor tensor(DType::float32, Shape{inputs, outputs});
  auto* values = tensor.mutable_data<float>();
  for (std::int64_t i = 0; i < inputs * outputs; ++i)
    values[i] = static_cast<float>(i * 7 % 31 - 15) * 0.01f;
  return tensor;
}

Graph dense_layers() {
  Graph graph;
  GraphBuilder g(graph);
  ValueId x = g.input("x", {DType::float32, {3, 64}});
  for (const std::int64_t outputs : {900, 40, 1000, 300}) {
    const std::int64_t inputs = g.type(x).shape[1];
    x = g.matmul(x, g.constant(weights(inputs, outputs)));
  }
  g.output("y", x);
  return graph;
}

std::vector<NodeId> all_nodes(const Graph& graph) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) nodes.push_back(static_cast<NodeId>(i));
  return nodes;
}

TEST(Prepare, LayersWithMuchToPackComeFirst) {
  const Graph graph = dense_layers();
  for (const int threads : {1, 3}) {
    PackCache packs;
    const auto kernels = prepare_packed({graph, cpu_backend(), &packs, threads}, all_nodes(graph));
    ASSERT_EQ(kernels.size(), graph.nodes.size());
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      EXPECT_EQ(kernels[i] != nullptr, std::holds_alternative<ops::MatMul>(graph.nodes[i].op));
    }
    EXPECT_EQ(packs.size(), 4u);
    // All is packed: nothing to do ahead for the next plan.
    for (const auto& kernel :
         prepare_packed({graph, cpu_backend(), &packs, threads}, all_nodes(graph))) {
      EXPECT_EQ(kernel, nullptr);
    }
  }
}

// Refuses every product.
class Refusing final : public Backend {
 public:
  const char* name() const override { return "refusing"; }
  std::unique_ptr<Kernel> prepare(const Site& site) const override {
    const std::int64_t outputs = site.out[0].shape[1];
    throw Error(ErrorCode::unimplemented, std::to_string(outputs) + " outputs");
  }
};

TEST(Prepare, TheFirstNodeInOrderIsToBlame) {
  const Graph graph = dense_layers();
  for (const int threads : {1, 3}) {
    PackCache packs;
    std::string why;
    try {
      compile(Graph(graph), Refusing(), &packs, threads, why);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("900 outputs"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace thaw
