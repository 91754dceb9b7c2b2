// Which function prepares which op. A new op does not compile until it has its line here.
#include <variant>

#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

struct Table {
  const Site& site;

  // State, control flow and tensor lists are the interpreter's; inputs and constants are already
  // there.
  KernelPtr operator()(const std::monostate&) const { return nullptr; }
  KernelPtr operator()(const ops::Input&) const { return nullptr; }
  KernelPtr operator()(const ops::Constant&) const { return nullptr; }
  KernelPtr operator()(const ops::VariableRead&) const { return nullptr; }
  KernelPtr operator()(const ops::VariableAssign&) const { return nullptr; }
  KernelPtr operator()(const ops::If&) const { return nullptr; }
  KernelPtr operator()(const ops::While&) const { return nullptr; }
  KernelPtr operator()(const ops::ListReserve&) const { return nullptr; }
  KernelPtr operator()(const ops::ListFromTensor&) const { return nullptr; }
  KernelPtr operator()(const ops::ListGet&) const { return nullptr; }
  KernelPtr operator()(const ops::ListSet&) const { return nullptr; }
  KernelPtr operator()(const ops::ListPushBack&) const { return nullptr; }
  KernelPtr operator()(const ops::ListPopBack&) const { return nullptr; }
  KernelPtr operator()(const ops::ListStack&) const { return nullptr; }
  KernelPtr operator()(const ops::ListLength&) const { return nullptr; }
  // The result's size depends on the elements: evaluate() runs it.
  KernelPtr operator()(const ops::Where&) const { return nullptr; }

  KernelPtr operator()(const ops::Assert&) const { return prepare_assert(site); }
  KernelPtr operator()(const ops::Identity&) const { return prepare_copy(site); }
  KernelPtr operator()(const ops::Unary&) const { return prepare_unary(site); }
  KernelPtr operator()(const ops::Binary&) const { return prepare_binary(site); }
  KernelPtr operator()(const ops::Select&) const { return prepare_select(site); }
  KernelPtr operator()(const ops::Cast&) const { return prepare_cast(site); }
  KernelPtr operator()(const ops::Elementwise&) const { return prepare_elementwise(site); }
  KernelPtr operator()(const ops::MatMul&) const { return prepare_matmul(site); }
  KernelPtr operator()(const ops::Einsum&) const { return prepare_einsum(site); }
  KernelPtr operator()(const ops::Conv&) const { return prepare_conv(site); }
  KernelPtr operator()(const ops::ConvTranspose&) const { return prepare_conv_transpose(site); }
  KernelPtr operator()(const ops::Pool&) const { return prepare_pool(site); }
  KernelPtr operator()(const ops::Resize&) const { return prepare_resize(site); }
  KernelPtr operator()(const ops::SpaceToBatch&) const { return prepare_space_to_batch(site); }
  KernelPtr operator()(const ops::BatchToSpace&) const { return prepare_batch_to_space(site); }
  KernelPtr operator()(const ops::Reduce&) const { return prepare_reduce(site); }
  KernelPtr operator()(const ops::ArgReduce&) const { return prepare_arg_reduce(site); }
  KernelPtr operator()(const ops::Scan&) const { return prepare_scan(site); }
  KernelPtr operator()(const ops::Softmax&) const { return prepare_softmax(site); }
  KernelPtr operator()(const ops::Normalize&) const { return prepare_normalize(site); }
  KernelPtr operator()(const ops::TopK&) const { return prepare_top_k(site); }
  KernelPtr operator()(const ops::Attention&) const { return prepare_attention(site); }
  KernelPtr operator()(const ops::ShapeQuery&) const { return prepare_shape_query(site); }
  KernelPtr operator()(const ops::Reshape&) const { return prepare_copy(site); }
  KernelPtr operator()(const ops::ExpandDims&) const { return prepare_copy(site); }
  KernelPtr operator()(const ops::Squeeze&) const { return prepare_copy(site); }
  KernelPtr operator()(const ops::Transpose&) const { return prepare_transpose(site); }
  KernelPtr operator()(const ops::BroadcastTo&) const { return prepare_broadcast_to(site); }
  KernelPtr operator()(const ops::Tile&) const { return prepare_tile(site); }
  KernelPtr operator()(const ops::Range&) const { return prepare_range(site); }
  KernelPtr operator()(const ops::Concat&) const { return prepare_concat(site); }
  KernelPtr operator()(const ops::Stack&) const { return prepare_stack(site); }
  KernelPtr operator()(const ops::Unstack&) const { return prepare_unstack(site); }
  KernelPtr operator()(const ops::Split&) const { return prepare_split(site); }
  KernelPtr operator()(const ops::Slice&) const { return prepare_slice(site); }
  KernelPtr operator()(const ops::StridedSlice&) const { return prepare_strided_slice(site); }
  KernelPtr operator()(const ops::Pad&) const { return prepare_pad(site); }
  KernelPtr operator()(const ops::Reverse&) const { return prepare_reverse(site); }
  KernelPtr operator()(const ops::ReverseSequence&) const { return prepare_reverse_sequence(site); }
  KernelPtr operator()(const ops::Gather&) const { return prepare_gather(site); }
  KernelPtr operator()(const ops::GatherNd&) const { return prepare_gather_nd(site); }
  KernelPtr operator()(const ops::Scatter&) const { return prepare_scatter(site); }
  KernelPtr operator()(const ops::OneHot&) const { return prepare_one_hot(site); }
  KernelPtr operator()(const ops::Rnn&) const { return prepare_rnn(site); }
  KernelPtr operator()(const ops::ConvLstm&) const { return prepare_conv_lstm(site); }
  KernelPtr operator()(const ops::HostCall&) const { return prepare_host_call(site); }
};

}  // namespace

KernelPtr prepare(const Site& site) { return std::visit(Table{site}, site.op); }

Ints host_ints(const Site& site, int i) {
  THAW_CHECK(static_cast<std::size_t>(i) < site.constants.size() &&
                 site.constants[static_cast<std::size_t>(i)] != nullptr,
             "operand {} of {} must be known when its kernel is prepared", i, name_of(site.op));
  return site.ints(i);
}

}  // namespace thaw::reference
