// Rows of a table: a graph as text, and the types of its last node's results or the error.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/ir/graph.h"
#include "thaw/error.h"

namespace thaw::test {

struct InferRow {
  std::string graph;     // the body: nodes without types are inferred
  std::string expected;  // "float32[2], int32[2]", or "error: part of the message"
};

/// "%name: type = input()".
inline std::string in(const std::string& name, const std::string& type) {
  return "%" + name + ": " + type + " = input()\n";
}
/// A constant int64 vector; "" is the empty one.
inline std::string ints(const std::string& name, const std::string& values) {
  std::size_t count = values.empty() ? 0 : 1;
  for (const char c : values) count += c == ',' ? 1 : 0;
  return "%" + name + " = constant() {value = int64[" + std::to_string(count) + "](" + values +
         ")}\n";
}
/// A constant of any type: "int32[](5)".
inline std::string constant(const std::string& name, const std::string& value) {
  return "%" + name + " = constant() {value = " + value + "}\n";
}

inline std::string inferred(const std::string& body) {
  try {
    const Graph graph = parse("graph {\n" + body + "\n}");
    std::string types;
    for (const ValueId id : graph.nodes.back().outputs) {
      types +=
          (types.empty() ? "" : ", ") + to_string(graph.values[static_cast<std::size_t>(id)].type);
    }
    verify(graph, "test");
    return types;
  } catch (const Error& error) {
    return std::string("error ") + name_of(error.code()) + ": " + error.what();
  }
}

inline void check(const std::vector<InferRow>& rows) {
  for (const InferRow& row : rows) {
    const std::string found = inferred(row.graph);
    if (row.expected.rfind("error: ", 0) != 0) {
      EXPECT_EQ(found, row.expected) << row.graph;
      continue;
    }
    EXPECT_NE(found.find(row.expected.substr(7)), std::string::npos)
        << row.graph << "\nexpected " << row.expected << "\nfound " << found;
    EXPECT_EQ(found.rfind("error invalid argument", 0), 0u) << row.graph << found;
  }
}

}  // namespace thaw::test
