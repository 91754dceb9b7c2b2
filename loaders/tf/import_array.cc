// TensorFlow 1 tensor arrays: the items are a tensor list that travels along the flow; the handle
// only says what they are.
#include "loaders/tf/graph_query.h"
#include "loaders/tf/import.h"
#include "loaders/tf/ops/list.h"
#include "runtime/base/check.h"

namespace thaw::tf {
Importer::Array& Importer::array_of(Site& site) {
  if (site.in.empty() || site.in[0].kind != Edge::Kind::array) {
    fail(ErrorCode::invalid_argument, "operand 0 is not the handle of a tensor array");
  }
  return arrays_[static_cast<std::size_t>(site.in[0].variable)];
}

// The list that a flow stands for.
ValueId Importer::flow(Site& site, int i) {
  const ValueId value = input(site, i);
  if (site.scope.builder.dtype(value) != DType::tensor_list) {
    fail(ErrorCode::invalid_argument, "operand {} is {}, not the flow of a tensor array", i,
         to_string(site.scope.builder.type(value)));
  }
  return value;
}

Importer::Edges Importer::array(Site& site) {
  Array array;
  array.dtype = site.node.type("dtype");
  array.element_shape = site.node.shape("element_shape");
  array.grows = site.node.flag("dynamic_size");
  GraphBuilder& g = site.scope.builder;
  const ValueId list = g.add1(ops::ListReserve{array.dtype},
                              {element_shape_operand(g, array.element_shape), input(site, 0)});
  const Edge handle{Edge::Kind::array, -1, static_cast<int>(arrays_.size())};
  arrays_.push_back(std::move(array));
  return {handle, tensor_edge(list)};
}

Importer::Edges Importer::array_write(Site& site) {
  const Array& array = array_of(site);
  const ValueId list = flow(site, 3);
  return {tensor_edge(
      site.scope.builder.add1(ops::ListSet{array.grows}, {list, input(site, 1), input(site, 2)}))};
}

Importer::Edges Importer::array_read(Site& site) {
  const Array& array = array_of(site);
  GraphBuilder& g = site.scope.builder;
  const DType dtype = site.node.type("dtype");
  return {
      tensor_edge(g.add1(ops::ListGet{dtype}, {flow(site, 2), input(site, 1),
                                               element_shape_operand(g, array.element_shape)}))};
}

Importer::Edges Importer::array_gather(Site& site) {
  const Array& array = array_of(site);
  Shape item = site.node.shape("element_shape");
  if (!item.has_rank()) item = array.element_shape;
  return {tensor_edge(gather_list(site.scope.builder, flow(site, 2), input(site, 1),
                                  element_shape_operand(site.scope.builder, item),
                                  site.node.type("dtype")))};
}

Importer::Edges Importer::array_scatter(Site& site) {
  Array& array = array_of(site);
  GraphBuilder& g = site.scope.builder;
  const ValueId items = input(site, 2), list = flow(site, 3);
  const Shape& shape = g.shape(items);
  // What a step reads has the shape of a row: TensorFlow finds this out in the same way.
  if (!array.element_shape.has_rank() && shape.has_rank() && shape.rank() > 0) {
    array.element_shape =
        Shape(std::vector<std::int64_t>(shape.dims().begin() + 1, shape.dims().end()));
  }
  return {tensor_edge(scatter_list(g, list, input(site, 1), items, array.grows))};
}

Importer::Edges Importer::array_size(Site& site) {
  array_of(site);
  return {tensor_edge(site.scope.builder.add1(ops::ListLength{}, {flow(site, 1)}))};
}

Importer::Edges Importer::array_concat(Site& site) {
  const Array& array = array_of(site);
  Shape rest = site.node.shape("element_shape_except0");
  if (!rest.has_rank() && array.element_shape.has_rank() && array.element_shape.rank() > 0) {
    rest = Shape(std::vector<std::int64_t>(array.element_shape.dims().begin() + 1,
                                           array.element_shape.dims().end()));
  }
  const auto [values, lengths] =
      concat_list(site.scope.builder, flow(site, 1), rest, site.node.type("dtype"));
  return {tensor_edge(values), tensor_edge(lengths)};
}

Importer::Edges Importer::array_split(Site& site) {
  const Array& array = array_of(site);
  GraphBuilder& g = site.scope.builder;
  flow(site, 3);
  return {tensor_edge(split_list(g, input(site, 1), input(site, 2),
                                 element_shape_operand(g, array.element_shape), array.dtype))};
}

}  // namespace thaw::tf
