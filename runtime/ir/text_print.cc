#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/ir/graph.h"
#include "runtime/ir/text_names.h"

namespace thaw {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);  // any byte: names need not be UTF-8
    } else {
      out += c;
    }
  }
  return out + '"';
}

// ---- elements ----

/// Shortest digits that read back as the same value; a NaN that is not the usual one with its bits.
template <class Float, class Bits>
std::string float_text(Float value, Bits bits, Bits usual_nan) {
  if (std::isnan(value)) return bits == usual_nan ? "nan" : fmt::format("nan:0x{:x}", bits);
  return fmt::format("{}", value);
}
std::string element_text(float value) {
  return float_text(value, std::bit_cast<std::uint32_t>(value), 0x7fc00000u);
}
std::string element_text(double value) {
  return float_text(value, std::bit_cast<std::uint64_t>(value), std::uint64_t{0x7ff8000000000000u});
}

template <class T>
T element(const Tensor& tensor, std::int64_t i) {
  T value;  // borrowed memory need not be aligned
  std::memcpy(&value, static_cast<const char*>(tensor.data()) + i * std::int64_t{sizeof(T)},
              sizeof(T));
  return value;
}

std::string element_text(const Tensor& tensor, std::int64_t i) {
  switch (tensor.dtype()) {
    case DType::float16: {
      const auto bits = element<std::uint16_t>(tensor, i);
      return float_text(half_to_float(bits), bits, std::uint16_t{0x7e00});
    }
    case DType::bfloat16: {
      const auto bits = element<std::uint16_t>(tensor, i);
      return float_text(bfloat_to_float(bits), bits, std::uint16_t{0x7fc0});
    }
    case DType::float32: return element_text(element<float>(tensor, i));
    case DType::float64: return element_text(element<double>(tensor, i));
    case DType::int8: return std::to_string(element<std::int8_t>(tensor, i));
    case DType::int16: return std::to_string(element<std::int16_t>(tensor, i));
    case DType::int32: return std::to_string(element<std::int32_t>(tensor, i));
    case DType::int64: return std::to_string(element<std::int64_t>(tensor, i));
    case DType::uint8: return std::to_string(element<std::uint8_t>(tensor, i));
    case DType::uint16: return std::to_string(element<std::uint16_t>(tensor, i));
    case DType::uint32: return std::to_string(element<std::uint32_t>(tensor, i));
    case DType::uint64: return std::to_string(element<std::uint64_t>(tensor, i));
    case DType::boolean: return element<std::uint8_t>(tensor, i) != 0 ? "true" : "false";
    case DType::string: return quoted(static_cast<const std::string*>(tensor.data())[i]);
    case DType::complex64:
      return "(" + element_text(element<float>(tensor, 2 * i)) + ", " +
             element_text(element<float>(tensor, 2 * i + 1)) + ")";
    case DType::complex128:
      return "(" + element_text(element<double>(tensor, 2 * i)) + ", " +
             element_text(element<double>(tensor, 2 * i + 1)) + ")";
    default: return "?";
  }
}

/// FNV-1a over the elements' bytes.
std::uint64_t checksum(const Tensor& tensor) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3u;
    }
  };
  if (tensor.dtype() == DType::string) {
    const auto* strings = static_cast<const std::string*>(tensor.data());
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
      add(strings[i].data(), strings[i].size() + 1);  // the final zero separates
    }
  } else {
    add(tensor.data(), tensor.size_bytes());
  }
  return hash;
}

std::string tensor_text(const Tensor& tensor, std::int64_t max_elements) {
  if (tensor.empty()) return "none";
  std::string out = to_string(tensor.type());
  if (tensor.num_elements() > max_elements) {
    return out + fmt::format("(checksum 0x{:016x})", checksum(tensor));
  }
  out += '(';
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    if (i > 0) out += ", ";
    out += element_text(tensor, i);
  }
  return out + ')';
}

// ---- attributes ----

/// The text of one attribute value.
struct AttributeText {
  std::int64_t max_elements;

  template <class T, class Text>
  static std::string list(const std::vector<T>& items, Text text_of) {
    std::string out = "[";
    for (const T& item : items) {
      if (out.size() > 1) out += ", ";
      out += text_of(item);
    }
    return out + "]";
  }

  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int32_t value) const { return std::to_string(value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return element_text(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(const ops::Ints& value) const {
    return fmt::format("[{}]", fmt::join(value, ", "));
  }
  std::string operator()(DType value) const { return name_of(value); }
  std::string operator()(BinaryKind value) const { return name_of(value); }
  std::string operator()(const Tensor& value) const { return tensor_text(value, max_elements); }
  std::string operator()(const UnaryFn& fn) const {
    const bool plain =
        std::bit_cast<std::uint64_t>(fn.alpha) == 0 && std::bit_cast<std::uint64_t>(fn.beta) == 0;
    if (plain) return name_of(fn.kind);
    return fmt::format("{}({}, {})", name_of(fn.kind), element_text(fn.alpha),
                       element_text(fn.beta));
  }
  std::string operator()(const Padding& padding) const {
    std::string name = (*this)(padding.kind);
    if (padding.before.empty() && padding.after.empty()) return name;
    return name + "(" + (*this)(padding.before) + ", " + (*this)(padding.after) + ")";
  }
  std::string operator()(const std::vector<double>& value) const {
    return list(value, [](double x) { return element_text(x); });
  }
  std::string operator()(const std::vector<std::string>& value) const {
    return list(value, [](const std::string& x) { return quoted(x); });
  }
  std::string operator()(const std::vector<DType>& value) const {
    return list(value, [](DType x) { return name_of(x); });
  }
  std::string operator()(const Attributes& attributes) const {
    return list(attributes.entries(), [&](const Attributes::Entry& entry) {
      return fmt::format("{}: {} = {}", entry.first, kAttributeKinds[entry.second.index()],
                         std::visit(*this, entry.second));
    });
  }
  template <text::Named Kind>
  std::string operator()(Kind kind) const {
    return text::Names<Kind>::value[static_cast<std::size_t>(kind)];
  }
};

/// " {strides = [2, 2], padding = same}": the attributes that differ from their defaults.
std::string attributes_text(const Op& op, std::int64_t max_elements) {
  const AttributeText text{max_elements};
  std::string out;
  std::visit(
      [&]<class T>(const T& alternative) {
        if constexpr (!std::is_same_v<T, std::monostate>) {
          std::vector<std::string> defaults;
          const T plain;
          T::fields(plain,
                    [&](const char*, const auto& value) { defaults.push_back(text(value)); });
          std::size_t i = 0;
          T::fields(alternative, [&](const char* name, const auto& value) {
            const std::string shown = text(value);
            if (shown == defaults[i++]) return;
            out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, shown);
          });
        }
      },
      op);
  return out.empty() ? out : " {" + out + "}";
}

// ---- graphs ----

class Printer {
 public:
  explicit Printer(std::int64_t max_elements) : max_elements_(max_elements) {}

  void print(const Graph& graph, const char* keyword, const std::string& indent) {
    out_ += indent + keyword + " " + quoted(graph.name) + " {\n";
    const std::string inner = indent + "  ";
    for (const Variable& variable : graph.variables) {
      out_ += inner + "variable " + quoted(variable.name) + " = " +
              tensor_text(variable.initial, max_elements_) + "\n";
    }
    for (const Graph& subgraph : graph.subgraphs) print(subgraph, "subgraph", inner);
    for (const Node& node : graph.nodes) out_ += inner + node_text(graph, node) + "\n";
    print_interface(inner + "inputs", graph.inputs, graph.input_names);
    print_interface(inner + "outputs", graph.outputs, graph.output_names);
    out_ += indent + "}\n";
  }

  std::string take() { return std::move(out_); }

 private:
  /// Printing serves the search for what is wrong, so that it stands any ids.
  static std::string result_text(const Graph& graph, ValueId id) {
    std::string text = fmt::format("%{}", id);
    if (id < 0 || static_cast<std::size_t>(id) >= graph.values.size()) return text;
    const Value& value = graph.values[static_cast<std::size_t>(id)];
    if (!value.name.empty()) text += " " + quoted(value.name);
    return text + ": " + to_string(value.type);
  }

  std::string node_text(const Graph& graph, const Node& node) const {
    std::string text;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      text += (i > 0 ? ", " : "") + result_text(graph, node.outputs[i]);
    }
    if (!node.outputs.empty()) text += " = ";
    text += name_of(node.op);
    text += '(';
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      text += fmt::format("{}%{}", i > 0 ? ", " : "", node.inputs[i]);
    }
    text += ')' + attributes_text(node.op, max_elements_);
    if (!node.name.empty()) text += " @ " + quoted(node.name);
    return text;
  }

  void print_interface(const std::string& keyword, const std::vector<ValueId>& ids,
                       const std::vector<std::string>& names) {
    out_ += keyword + '(';
    for (std::size_t i = 0; i < ids.size(); ++i) {
      out_ += fmt::format("{}%{}", i > 0 ? ", " : "", ids[i]);
      if (i < names.size()) out_ += " " + quoted(names[i]);
    }
    out_ += ")\n";
  }

  std::int64_t max_elements_;
  std::string out_;
};

}  // namespace

std::string to_text(const Graph& graph, std::int64_t max_elements) {
  Printer printer(max_elements);
  printer.print(graph, "graph", "");
  return printer.take();
}

}  // namespace thaw
