#include "loaders/tf/variables.h"

#include <charconv>
#include <set>

#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

constexpr const char* kObjectGraphKey = "_CHECKPOINTABLE_OBJECT_GRAPH";

const GraphView::Entry* node_at(const GraphView& view, const Ref& ref) {
  return ref.node < 0 ? nullptr : &view.nodes[static_cast<std::size_t>(ref.node)];
}

// Follows identities to the node that restores the value; null when something else makes it.
const GraphView::Entry* restore_of(const GraphView& view, Ref& ref) {
  for (std::size_t steps = 0; steps <= view.nodes.size(); ++steps) {
    const GraphView::Entry* entry = node_at(view, ref);
    if (entry == nullptr) return nullptr;
    const std::string& op = entry->node.op();
    if (op == "RestoreV2" || op == "RestoreSlice" || op == "Restore") return entry;
    if ((op != "Identity" && op != "Snapshot") || entry->data.empty()) return nullptr;
    ref = entry->data[0];
  }
  return nullptr;
}

// Element `i` of the string constant at `ref`; empty when it is none.
std::string string_at(const GraphView& view, const Ref& ref, std::int64_t i) {
  const GraphView::Entry* entry = node_at(view, ref);
  if (entry == nullptr || entry->node.op() != "Const") return {};
  const Tensor value = entry->node.tensor("value");
  if (value.dtype() != DType::string || i < 0 || i >= value.num_elements()) return {};
  return value.data<std::string>()[i];
}

// One axis of a slice: "start,length", or "-" for all of it.
struct Extent {
  std::int64_t start = 0, length = -1;
};

std::vector<Extent> parse_slice(std::string_view text, const std::string& variable) {
  const auto bad = [&]() {
    fail(ErrorCode::invalid_argument, "variable '{}': slice '{}'", printable(variable),
         printable(text));
  };
  const auto number = [&](std::string_view digits) {
    std::int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end || value < 0) bad();
    return value;
  };
  const std::size_t blank =
      text.rfind(' ');  // in front of it: the full shape, which the bundle knows
  std::string_view rest = blank == std::string_view::npos ? text : text.substr(blank + 1);
  std::vector<Extent> extents;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t comma = part.find(',');
    if (part == "-") {
      extents.push_back({});
    } else if (comma == std::string_view::npos) {
      bad();
    } else {
      extents.push_back({number(part.substr(0, comma)), number(part.substr(comma + 1))});
    }
  }
  return extents;
}

// Copies the part of a dense tensor. Rows of the last axis are contiguous.
Tensor cut(const Tensor& full, std::vector<Extent> extents, const std::string& variable) {
  const Shape& shape = full.shape();
  if (static_cast<int>(extents.size()) != shape.rank() || full.dtype() == DType::string) {
    fail(ErrorCode::invalid_argument, "variable '{}': a slice of rank {} of a tensor {}",
         printable(variable), extents.size(), shape.to_string());
  }
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    Extent& extent = extents[static_cast<std::size_t>(axis)];
    if (extent.length < 0) extent.length = shape[axis];
    if (extent.start > shape[axis] || extent.length > shape[axis] - extent.start) {
      fail(ErrorCode::invalid_argument, "variable '{}': the slice leaves the tensor {}",
           printable(variable), shape.to_string());
    }
    dims.push_back(extent.length);
  }
  Tensor part(full.dtype(), Shape(dims));
  if (part.num_elements() == 0 || dims.empty()) return dims.empty() ? full : part;
  const std::size_t width = size_of(full.dtype());
  const std::int64_t row = dims.back();
  const auto* from = static_cast<const std::byte*>(full.data());
  auto* to = static_cast<std::byte*>(part.mutable_data());
  for (std::int64_t i = 0; i < part.num_elements() / row; ++i) {
    std::int64_t rest = i, offset = extents.back().start, stride = shape[shape.rank() - 1];
    for (int axis = shape.rank() - 2; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      offset += (rest % dims[a] + extents[a].start) * stride;
      rest /= dims[a];
      stride *= shape[axis];
    }
    std::copy_n(from + static_cast<std::size_t>(offset) * width,
                static_cast<std::size_t>(row) * width, to);
    to += static_cast<std::size_t>(row) * width;
  }
  return part;
}

}  // namespace

Variables::Variables(const MetaGraphDef& meta, const GraphView& top, FunctionLibrary& functions,
                     const TensorBundle* bundle, const Limits& limits)
    : bundle_(bundle), tables_(meta, top, bundle, limits), limits_(limits) {
  if (bundle_ == nullptr) return;
  read_object_graph(meta, top);
  read_restore_nodes(top, top, nullptr);
  // What the model itself would run to restore decides, where it says something.
  const int restore = top.find(meta.saver_def().restore_op_name());
  if (restore < 0) return;
  const GraphView::Entry& call = top.nodes[static_cast<std::size_t>(restore)];
  if (call.node.op() != "StatefulPartitionedCall" && call.node.op() != "PartitionedCall") return;
  const NodeView::Function function = call.node.function("f");
  if (functions.contains(function.name)) {
    read_restore_nodes(functions.view(function), top, &call);
  }
}

// AssignVariableOp(handle, Identity(RestoreV2:k)) and its older relatives. In the restore function
// the handle is an argument; `call` says which top-level node it is.
void Variables::read_restore_nodes(const GraphView& view, const GraphView& top,
                                   const GraphView::Entry* call) {
  for (const GraphView::Entry& entry : view.nodes) {
    if (entry.node.op() != "AssignVariableOp" && entry.node.op() != "Assign") continue;
    if (entry.data.size() < 2) continue;
    Ref value = entry.data[1];
    const GraphView::Entry* restore = restore_of(view, value);
    if (restore == nullptr || restore->data.size() < 2) continue;
    Ref handle = entry.data[0];
    if (handle.is_argument()) {
      if (call == nullptr || static_cast<std::size_t>(handle.argument()) >= call->data.size())
        continue;
      handle = call->data[static_cast<std::size_t>(handle.argument())];
    }
    const GraphView::Entry* variable = node_at(top, handle);
    if (variable == nullptr) continue;
    Source source{string_at(view, restore->data[1], value.port),
                  restore->data.size() < 3 ? "" : string_at(view, restore->data[2], value.port)};
    if (!source.key.empty()) sources_[variable->node.name()] = std::move(source);
  }
}

// Walks the saved objects and the checkpoint's objects side by side by child names: a variable's
// key stands with the checkpoint object. Captures say which handle node belongs to which object.
void Variables::read_object_graph(const MetaGraphDef& meta, const GraphView& top) {
  const SavedObjectGraph& objects = meta.object_graph_def();
  if (objects.nodes_size() == 0 || !bundle_->contains(kObjectGraphKey)) return;
  const Tensor serialized = bundle_->read(kObjectGraphKey);
  TrackableObjectGraph checkpoint;
  if (serialized.dtype() != DType::string || serialized.num_elements() != 1 ||
      !checkpoint.ParseFromString(serialized.data<std::string>()[0])) {
    return;  // the restore function still says everything
  }
  std::map<int, std::string> keys;  // saved object -> checkpoint key
  std::set<std::pair<int, int>> seen;
  std::vector<std::pair<int, int>> open{{0, 0}};
  while (!open.empty()) {
    const auto [saved_id, checkpoint_id] = open.back();
    open.pop_back();
    if (saved_id < 0 || saved_id >= objects.nodes_size() || checkpoint_id < 0 ||
        checkpoint_id >= checkpoint.nodes_size() || !seen.emplace(saved_id, checkpoint_id).second) {
      continue;
    }
    for (const auto& attribute : checkpoint.nodes(checkpoint_id).attributes()) {
      if (attribute.name() == "VARIABLE_VALUE") keys.emplace(saved_id, attribute.checkpoint_key());
    }
    std::map<std::string, int> children;
    for (const auto& child : checkpoint.nodes(checkpoint_id).children()) {
      children.emplace(child.local_name(), child.node_id());
    }
    for (const auto& child : objects.nodes(saved_id).children()) {
      const auto found = children.find(child.local_name());
      if (found != children.end()) open.emplace_back(child.node_id(), found->second);
    }
  }
  std::map<std::string, const SavedConcreteFunction*> captures;
  for (const auto& entry : objects.concrete_functions()) captures[entry.key()] = &entry.value();
  for (const GraphView::Entry& entry : top.nodes) {
    for (const auto& function : entry.node.all_functions()) {
      const auto found = captures.find(function.name);
      if (found == captures.end()) continue;
      const auto& bound = found->second->bound_inputs();
      const auto count = static_cast<std::size_t>(bound.size());
      if (count > entry.data.size()) continue;
      for (std::size_t i = 0; i < count; ++i) {
        const auto key = keys.find(bound[static_cast<int>(i)]);
        const auto* handle = node_at(top, entry.data[entry.data.size() - count + i]);
        if (key == keys.end() || handle == nullptr || handle->node.op() != "VarHandleOp") continue;
        sources_[handle->node.name()] = {key->second, ""};
      }
    }
  }
}

std::string Variables::key_of(const std::string& handle) const {
  if (bundle_ == nullptr) return {};
  const auto source = sources_.find(handle);
  // Models of TensorFlow 1 without restore nodes: the name is the key.
  const std::string& key = source != sources_.end() ? source->second.key : handle;
  return bundle_->contains(key) ? key : std::string();
}

const Tensor& Variables::value(const std::string& handle) {
  const auto known = values_.find(handle);
  if (known != values_.end()) return known->second;
  const std::string key = key_of(handle);
  if (key.empty()) {
    if (fallback_) {
      if (auto value = fallback_(handle)) return keep(handle, std::move(*value));
    }
    if (bundle_ == nullptr) {
      fail(ErrorCode::not_found,
           "variable '{}': the model has no checkpoint such as 'variables/variables.index'",
           printable(handle));
    }
    const auto source = sources_.find(handle);
    fail(ErrorCode::not_found, "variable '{}': the checkpoint has no entry '{}'", printable(handle),
         printable(source != sources_.end() ? source->second.key : handle));
  }
  Tensor value = bundle_->read(key);
  const auto source = sources_.find(handle);
  if (source != sources_.end() && !source->second.slice.empty()) {
    value = cut(value, parse_slice(source->second.slice, handle), handle);
  }
  return keep(handle, std::move(value));
}

const Tensor& Variables::keep(const std::string& handle, Tensor value) {
  elements_ += value.num_elements();
  bytes_ += value.size_bytes();
  if (bytes_ > limits_.max_total_bytes) {
    fail(ErrorCode::resource_exhausted, "variables take more than {} bytes",
         limits_.max_total_bytes);
  }
  return values_.emplace(handle, std::move(value)).first->second;
}

}  // namespace thaw::tf
