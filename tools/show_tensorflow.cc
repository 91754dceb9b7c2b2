#include "tools/show_tensorflow.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "tools/json_arrays.h"

namespace thaw::tools {
namespace {

constexpr std::size_t kMostFunctions = 20;  // models with gradients have thousands

std::string joined(const std::vector<std::string>& items) {
  return printable(fmt::format("{}", fmt::join(items, ", ")), 1024);
}

std::string type_name(DType dtype) { return dtype == DType::invalid ? "?" : name_of(dtype); }

void print_functions(const std::map<std::string, std::int64_t>& functions) {
  std::vector<std::pair<std::int64_t, std::string>> by_size;
  for (const auto& [name, nodes] : functions) by_size.emplace_back(-nodes, name);
  std::ranges::sort(by_size);
  fmt::print("\nfunctions ({})\n", functions.size());
  for (std::size_t i = 0; i < std::min(by_size.size(), kMostFunctions); ++i) {
    fmt::print("  {:>6} nodes  {}\n", -by_size[i].first, printable(by_size[i].second));
  }
  if (by_size.size() > kMostFunctions) {
    fmt::print("  and {} smaller ones\n", by_size.size() - kMostFunctions);
  }
}

}  // namespace

void print_tensorflow(const ModelInfo& info) {
  if (!info.tags.empty()) fmt::print("tags        {}\n", joined(info.tags));
  for (const std::string& tags : info.other_tags) {
    fmt::print("beside it   a graph with tags [{}]\n", printable(tags));
  }
  if (!info.variables.empty()) {
    std::size_t width = 8;
    for (const VariableInfo& variable : info.variables) {
      width = std::max(width, std::min<std::size_t>(printable(variable.name).size(), 60));
    }
    fmt::print("\nvariables ({})\n", info.variables.size());
    for (const VariableInfo& variable : info.variables) {
      fmt::print("  {:<{}}  {}{}\n", printable(variable.name), width,
                 variable.type.dtype == DType::invalid ? "?" : to_string(variable.type),
                 variable.key.empty() ? "  (not in the checkpoint)" : "");
    }
  }
  if (!info.tables.empty()) fmt::print("\ntables ({})\n", info.tables.size());
  for (const TableInfo& table : info.tables) {
    fmt::print("  {}  {} -> {}\n", printable(table.name), type_name(table.key),
               type_name(table.value));
  }
  if (!info.functions.empty()) print_functions(info.functions);
}

void add_tensorflow(const ModelInfo& info, Json::Object& object) {
  Json::Array variables, tables;
  for (const VariableInfo& variable : info.variables) {
    variables.push_back(Json(Json::Object{{"name", Json(variable.name)},
                                          {"dtype", Json(type_name(variable.type.dtype))},
                                          {"shape", shape_json(variable.type.shape)},
                                          {"key", Json(variable.key)}}));
  }
  for (const TableInfo& table : info.tables) {
    tables.push_back(Json(Json::Object{{"name", Json(table.name)},
                                       {"key", Json(type_name(table.key))},
                                       {"value", Json(type_name(table.value))}}));
  }
  Json::Object functions;
  for (const auto& [name, nodes] : info.functions) functions.emplace_back(name, Json(nodes));
  object.emplace_back("tags", strings_json(info.tags));
  object.emplace_back("other_tags", strings_json(info.other_tags));
  object.emplace_back("variables", Json(std::move(variables)));
  object.emplace_back("tables", Json(std::move(tables)));
  object.emplace_back("functions", Json(std::move(functions)));
}

}  // namespace thaw::tools
