// What a user's function may ask of a configuration (Keras) or of attributes (TensorFlow).
#pragma once

#include <string>
#include <vector>

#include "loaders/source/json.h"
#include "runtime/base/check.h"
#include "runtime/ir/custom_graph.h"
#include "thaw/custom.h"

namespace thaw {

/// The accessors of CustomConfig over JSON. `Base` is CustomConfig or CustomCall. `List` gives the
/// elements of what the file's dialect has as a list, or null.
template <class Base, const Json::Array* (*List)(const Json&)>
class JsonConfig : public Base {
 public:
  JsonConfig(Json config, std::string name, std::string class_name)
      : config_(std::move(config)), name_(std::move(name)), class_name_(std::move(class_name)) {}

  const std::string& name() const override { return name_; }
  const std::string& class_name() const override { return class_name_; }
  std::string json() const override { return config_.dump(); }
  bool flag(const std::string& key, bool otherwise) const override {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) wrong(key, *value, "true or false");
    return value->boolean();
  }
  std::int64_t integer(const std::string& key, std::int64_t otherwise) const override {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_integer()) wrong(key, *value, "an integer");
    return value->integer();
  }
  double real(const std::string& key, double otherwise) const override {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) wrong(key, *value, "a number");
    return value->number();
  }
  std::string text(const std::string& key, const std::string& otherwise) const override {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) wrong(key, *value, "a text");
    return value->string();
  }
  std::vector<std::int64_t> ints(const std::string& key,
                                 const std::vector<std::int64_t>& otherwise) const override {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    const Json::Array* list = List(*value);
    if (list == nullptr) wrong(key, *value, "a list of integers");
    std::vector<std::int64_t> numbers;
    for (const Json& item : *list) {
      if (!item.is_integer()) wrong(key, *value, "a list of integers");
      numbers.push_back(item.integer());
    }
    return numbers;
  }

 private:
  const Json* find(const std::string& key) const {
    const Json* value = config_.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  [[noreturn]] void wrong(const std::string& key, const Json& value, const char* expected) const {
    fail(ErrorCode::invalid_argument, "'{}' ({}): {} is {}, expected {}", printable(name_),
         printable(class_name_), printable(key), printable(value.dump()), expected);
  }

  Json config_;
  std::string name_, class_name_;
};

/// One call of a layer or node: JsonConfig and the graph that the user's function adds to. What a
/// layer has beyond operands (mask, keywords, variables) is the doors'.
template <const Json::Array* (*List)(const Json&)>
class GraphCall : public JsonConfig<CustomCall, List> {
 public:
  /// `title` names the layer or node in errors.
  GraphCall(Json config, std::string name, std::string class_name, GraphBuilder& g,
            std::string title)
      : JsonConfig<CustomCall, List>(std::move(config), std::move(name), std::move(class_name)),
        graph_(g, std::move(title)) {}

  const std::vector<GraphValue>& inputs() const override { return inputs_; }
  const TensorType& type(GraphValue value) const override { return graph_.type(value); }
  GraphValue constant(const Tensor& tensor) override { return graph_.constant(tensor); }
  std::vector<GraphValue> add(const std::string& op, const std::vector<GraphValue>& operands,
                              int results) override {
    return graph_.add(op, operands, results);
  }
  std::vector<GraphValue> call(CustomFunction function, const std::vector<GraphValue>& operands,
                               int results) override {
    return graph_.call(std::move(function), operands, results);
  }
  const CustomGraph& graph() const { return graph_; }

 protected:
  std::vector<GraphValue> inputs_;

 private:
  CustomGraph graph_;
};

}  // namespace thaw
