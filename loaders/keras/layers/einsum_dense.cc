// EinsumDense: einsum with a kernel whose shape follows from the equation.
#include "loaders/keras/layers/einsum_dense.h"

#include <algorithm>
#include <numeric>

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/quantised.h"
#include "runtime/base/check.h"
#include "runtime/ir/einsum.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

bool repeats(std::string labels) {
  std::sort(labels.begin(), labels.end());
  return std::adjacent_find(labels.begin(), labels.end()) != labels.end();
}

// Writes the axes of "..." as labels that no equation has.
std::string spelled_out(const std::string& labels, int elided) {
  const std::size_t at = labels.find(kEllipsis);
  if (at == std::string::npos) return labels;
  std::string names;
  for (int i = 0; i < elided; ++i) names += static_cast<char>(1 + i);
  return labels.substr(0, at) + names + labels.substr(at + 1);
}

// Where each of `wanted` stands in `labels`.
Ints positions_in(const std::string& labels, const std::string& wanted) {
  Ints axes;
  for (char label : wanted) axes.push_back(static_cast<std::int64_t>(labels.find(label)));
  return axes;
}

ValueId arranged(ValueId x, const std::string& labels, const std::string& wanted, GraphBuilder& g) {
  return labels == wanted ? x : g.transpose(x, positions_in(labels, wanted));
}

// The labels of a product of matrices: what is summed over, what each operand keeps.
struct Product {
  std::string x, kernel, y;
  std::string summed, rows, columns;
};

// False if some label is in all three terms, summed in one operand alone or on a diagonal.
bool as_product(const EinsumEquation& equation, int rank, Product& product) {
  const std::string& given = equation.inputs[0];
  const bool elliptic = has(given, kEllipsis);
  const int elided = rank - static_cast<int>(given.size()) + (elliptic ? 1 : 0);
  if (elided < 0 || elided > 26 || has(equation.inputs[1], kEllipsis)) return false;
  product.x = spelled_out(given, elided);
  product.kernel = equation.inputs[1];
  product.y = spelled_out(equation.output, elided);
  if (repeats(product.x) || repeats(product.kernel)) return false;
  for (char label : product.x) {
    const bool in_kernel = has(product.kernel, label), in_y = has(product.y, label);
    if (in_kernel == in_y) return false;
    (in_kernel ? product.summed : product.rows) += label;
  }
  for (char label : product.kernel) {
    if (has(product.summed, label)) continue;
    if (!has(product.y, label)) return false;
    product.columns += label;
  }
  return !product.rows.empty();
}

ValueId plus_times(ValueId y, ValueId bias, double factor, GraphBuilder& g) {
  if (bias != kNoValue) y = g.binary(BinaryKind::add, y, bias);
  return factor == 1 ? y : g.binary(BinaryKind::mul, y, g.scalar(factor, g.dtype(y)));
}

}  // namespace

ValueId contract(const std::string& equation, ValueId x, ValueId kernel, GraphBuilder& g,
                 ValueId bias, double factor) {
  Product product;
  if (!g.shape(x).has_rank() || !g.shape(kernel).is_static() ||
      !as_product(parse_einsum(equation, 2), g.shape(x).rank(), product) ||
      g.shape(kernel).rank() != static_cast<int>(product.kernel.size())) {
    return plus_times(g.add1(ops::Einsum{equation}, {x, kernel}), bias, factor, g);
  }
  Ints columns;
  std::int64_t width = 1, depth = 1;
  for (std::int64_t axis : positions_in(product.kernel, product.columns)) {
    columns.push_back(g.shape(kernel)[static_cast<int>(axis)]);
    width *= columns.back();
  }
  for (std::int64_t axis : positions_in(product.kernel, product.summed))
    depth *= g.shape(kernel)[static_cast<int>(axis)];
  const ValueId matrix = g.reshape(
      arranged(kernel, product.kernel, product.summed + product.columns, g), {depth, width});
  ValueId rows = arranged(x, product.x, product.rows + product.summed, g);
  Ints leading;
  for (std::size_t i = 0; i < product.rows.size(); ++i)
    leading.push_back(dim_or_copy(g, rows, static_cast<int>(i)));
  if (product.summed.size() != 1) {
    Ints dims = leading;
    dims.push_back(depth);
    rows = g.reshape(rows, dims);
  }
  if (bias != kNoValue) bias = g.reshape(bias, {width});
  // In front of the reshape, where they become part of the product.
  ValueId y = plus_times(g.matmul(rows, matrix), bias, factor, g);
  if (columns.size() != 1) {
    leading.insert(leading.end(), columns.begin(), columns.end());
    y = g.reshape(y, leading);
  }
  return arranged(y, product.rows + product.columns, product.y, g);
}

namespace {

// The terms of the equation and the sizes of the output, as Keras completes them.
struct Sizes {
  std::string x, kernel, y;
  bool left_elided = false;
  int elided = 0;
  Ints output;  // every axis; unknown where nothing says
};

Ints partial_output_shape(const Layer& layer) {
  const Json* shape = layer.find("output_shape");
  if (shape == nullptr) layer.bad("output_shape is missing");
  if (shape->is_integer()) return {shape->integer()};
  const Json::Array* list = list_of(*shape);
  if (list == nullptr) layer.bad(fmt::format("output_shape is {}", printable(shape->dump())));
  Ints dims;
  for (const Json& item : *list) {
    const bool valid = item.is_null() || (item.is_integer() && item.integer() >= 0);
    if (!valid) layer.bad(fmt::format("output_shape is {}", printable(shape->dump())));
    dims.push_back(item.is_null() ? kUnknownDim : item.integer());
  }
  return dims;
}

std::string without_ellipsis(std::string labels) {
  std::erase(labels, kEllipsis);
  return labels;
}

Sizes sizes_of(const Layer& layer, const std::string& equation, const Shape& input) {
  const EinsumEquation terms = parse_einsum(equation, 2);
  Sizes sizes;
  sizes.x = without_ellipsis(terms.inputs[0]);
  sizes.kernel = without_ellipsis(terms.inputs[1]);
  sizes.y = without_ellipsis(terms.output);
  const bool elliptic = sizes.x.size() != terms.inputs[0].size();
  sizes.left_elided = elliptic && terms.inputs[0].front() == kEllipsis;
  sizes.elided = input.rank() - static_cast<int>(sizes.x.size());
  const bool well_formed = sizes.kernel.size() == terms.inputs[1].size() && sizes.elided >= 0 &&
                           (elliptic || sizes.elided == 0) && input.rank() > 0;
  if (!well_formed) {
    layer.bad(fmt::format("equation {} does not fit an input of shape {}", printable(equation),
                          input.to_string()));
  }
  sizes.output = {input[0]};
  for (int axis = 1; sizes.left_elided && axis < sizes.elided; ++axis)
    sizes.output.push_back(input[axis]);
  const Ints given = partial_output_shape(layer);
  sizes.output.insert(sizes.output.end(), given.begin(), given.end());
  for (int axis = input.rank() - sizes.elided; !sizes.left_elided && axis < input.rank(); ++axis)
    sizes.output.push_back(input[axis]);
  const std::size_t axes = sizes.y.size() + static_cast<std::size_t>(sizes.elided);
  if (sizes.output.size() != axes) {
    layer.bad(fmt::format("output_shape {} does not fit equation {}",
                          printable(layer.find("output_shape")->dump()), printable(equation)));
  }
  return sizes;
}

std::int64_t output_size(const Sizes& sizes, std::size_t at) {
  return sizes.output[at + (sizes.left_elided ? static_cast<std::size_t>(sizes.elided) : 0)];
}

Shape kernel_shape(const Layer& layer, const Sizes& sizes, const Shape& input) {
  Ints dims;
  for (char label : sizes.kernel) {
    const std::size_t in = sizes.x.find(label), out = sizes.y.find(label);
    if (in != std::string::npos) {
      dims.push_back(input[static_cast<int>(in) + (sizes.left_elided ? sizes.elided : 0)]);
    } else if (out != std::string::npos) {
      dims.push_back(output_size(sizes, out));
    } else {
      layer.bad(fmt::format("label {} of the kernel is in no other term", label));
    }
  }
  return Shape(std::move(dims));
}

// From the first axis that has a bias on; 1 where there is none.
Shape bias_shape(const Layer& layer, const Sizes& sizes, const std::string& axes) {
  std::size_t first = sizes.y.size();
  for (char label : axes) {
    const std::size_t at = sizes.y.find(label);
    if (at == std::string::npos)
      layer.bad(fmt::format("bias_axes {} are not in the output", printable(axes)));
    first = std::min(first, at);
  }
  Ints dims;
  for (std::size_t at = first; at < sizes.y.size(); ++at)
    dims.push_back(has(axes, sizes.y[at]) ? output_size(sizes, at) : 1);
  if (!sizes.left_elided) dims.resize(dims.size() + static_cast<std::size_t>(sizes.elided), 1);
  return Shape(std::move(dims));
}

// The kernel of a quantised layer; `x` becomes what it is to be contracted with.
ValueId quantised_kernel(const Layer& layer, Weights& weights, const Quantisation& how,
                         const Sizes& sizes, const Shape& shape, ValueId& x, GraphBuilder& g) {
  Ints of_x, of_kernel, columns;
  for (std::size_t i = 0; i < sizes.x.size(); ++i) {
    if (!has(sizes.y, sizes.x[i]))
      of_x.push_back(static_cast<std::int64_t>(i) + (sizes.left_elided ? sizes.elided : 0));
  }
  for (std::size_t i = 0; i < sizes.kernel.size(); ++i) {
    if (!has(sizes.y, sizes.kernel[i])) of_kernel.push_back(static_cast<std::int64_t>(i));
  }
  for (char label : sizes.y) {
    const std::size_t at = sizes.kernel.find(label);
    if (at != std::string::npos) columns.push_back(static_cast<std::int64_t>(at));
  }
  const QuantisedOperands operands =
      quantised_operands(layer, weights, how, x, shape, of_x, of_kernel, columns, g);
  x = operands.x;
  return operands.kernel;
}

}  // namespace

void einsum_dense_variables(VariableList& variables) {
  const Json* axes = variables.layer().config.find("bias_axes");
  kernel_variables(variables, axes != nullptr && axes->is_string() && !axes->string().empty());
}

Outputs einsum_dense(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Quantisation how = quantisation_of(layer.config);
  ValueId x = computed(layer, layer.input(), g);
  const Shape input = g.shape(x);
  if (!input.has_rank()) layer.bad("the input's rank must be known");
  const std::string equation = layer.text("equation", "");
  const Sizes sizes = sizes_of(layer, equation, input);
  const Shape shape = kernel_shape(layer, sizes, input);
  const ValueId plain = x;  // a quantised kernel comes with quantised inputs
  const ValueId kernel = how ? quantised_kernel(layer, weights, how, sizes, shape, x, g)
                             : adapted_kernel(layer, weights, shape, g);
  ValueId y = contract(equation, x, kernel, g);
  if (how) {
    y = with_adapter(
        layer, weights, how, "lora_kernel", shape, y,
        [&](ValueId a) { return contract(equation, plain, a, g); }, g);
  }
  if (const std::string axes = layer.text("bias_axes", ""); !axes.empty()) {
    const ValueId bias = weights.get("bias", bias_shape(layer, sizes, axes));
    y = g.binary(BinaryKind::add, y, quantised_bias(layer, how, bias, g));
  }
  return activated(layer, "activation", "linear", y, g);
}

}  // namespace thaw::keras
