// Limits stand by importer: every op that an importer takes has them.
#include <algorithm>

#include "loaders/tf/op_support.h"
#include "loaders/tf/ops/example.h"
#include "loaders/tf/ops/fused.h"
#include "loaders/tf/ops/image.h"
#include "loaders/tf/ops/list.h"
#include "loaders/tf/ops/measures.h"
#include "loaders/tf/ops/numeric.h"
#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/ops/quantized.h"
#include "loaders/tf/ops/segment.h"
#include "loaders/tf/ops/strings.h"

namespace thaw::tf {
namespace {

struct ImporterLimit {
  Results (*import)(OpContext&);
  std::string_view limit;
};

constexpr std::string_view kVectorFormat = "not data_format=NCHW_VECT_C";
constexpr std::string_view kConvolution =
    "not data_format=NCHW_VECT_C; strides, dilations and explicit_paddings not over batch or "
    "channels";
constexpr std::string_view kBlocks = "not data_format=NCHW_VECT_C";
constexpr std::string_view kFeatures = "keys are constants; dense features of known rank";
constexpr std::string_view kTableChange =
    "only where no result needs it: sessions share a table, and no answer depends on earlier calls";
constexpr std::string_view kPhilox = "alg Philox or automatic";

// clang-format off
constexpr ImporterLimit kImporterLimits[] = {
    {importers::approx_top_k, "over the last dimension; not aggregate_to_topk=false"},
    {importers::bias_add, kVectorFormat},
    {importers::conv, kConvolution},
    {importers::conv_any, "not batch_dims other than 1; strides, dilations and explicit_paddings not over batch or channels"},
    {importers::conv_backprop, "not data_format=NCHW_VECT_C; not in groups"},
    {importers::ctc_loss, "the loss, not its gradient"},
    {importers::cudnn_rnn, "rnn_mode lstm or gru; not direction=bidirectional, input_mode=skip_input; num_proj=0; one layer of known size"},
    {importers::depth_to_space, kBlocks},
    {importers::depthwise_conv, "not data_format=NCHW_VECT_C; filter of known shape"},
    {importers::dilation_2d, "strides and rates not over batch or channels"},
    {importers::encode_jpeg, "not xmp_metadata"},
    {importers::extract_glimpse, "noise=zero, or offsets that stay within the image"},
    {importers::extract_patches, "ksizes, strides and rates not over batch or channels"},
    {importers::fused_batch_norm, kVectorFormat},
    {importers::fused_conv, "not data_format=NCHW_VECT_C, filter_format=OIHW_VECT_I; fused_ops BiasAdd, Add, FusedBatchNorm and activations"},
    {importers::fused_depthwise_conv, "fused_ops BiasAdd, Add, FusedBatchNorm and activations"},
    {importers::fused_matmul, "fused_ops BiasAdd, Add and activations"},
    {importers::fused_pad_conv, "strides not over batch or channels"},
    {importers::like, "not of tensor lists"},
    {importers::list_empty, "max_num_elements=-1"},
    {importers::lrn, "depth_radius at most 4096 where the channels are more or unknown"},
    {importers::parse_example, kFeatures},
    {importers::parse_example_v2, kFeatures},
    {importers::parse_sequence_example, kFeatures},
    {importers::parse_sequence_example_v2, kFeatures},
    {importers::parse_single_sequence_example, kFeatures},
    {importers::parse_single_example, "dense features of known rank"},
    {importers::pool, "not data_format=NCHW_VECT_C; ksize and strides not over batch, nor over channels beside maxima of them alone"},
    {importers::pool_v2, "ksize and strides are constants, not over batch, nor over channels beside maxima of them alone"},
    {importers::space_to_depth, kBlocks},
    {importers::stateless_random_v2, kPhilox},
    {importers::stateless_shuffle, kPhilox},
    {importers::to_bool, "operand of known rank"},
    {importers::unary_chain, "op_names of elementwise ops with one operand"},
    {list_ops::element_shape, "of lists made in the same function"},
};

// Ops of import.cc, and those that share an importer with others.
constexpr struct {
  std::string_view op, limit;
} kOpLimits[] = {
    {"DenseBincount", "input of known rank"},
    {"HashTable", "filled by constants or the model's files"},
    {"HashTableV2", "filled by constants or the model's files"},
    {"InitializeTable", "in the model's initialisers"},
    {"InitializeTableFromTextFile", "in the model's initialisers; files of the model"},
    {"InitializeTableFromTextFileV2", "in the model's initialisers; files of the model"},
    {"InitializeTableV2", "in the model's initialisers"},
    {"LookupTableImport", "in the model's initialisers"},
    {"LookupTableImportV2", "in the model's initialisers"},
    {"LookupTableInsert", kTableChange},
    {"LookupTableInsertV2", kTableChange},
    {"LookupTableRemoveV2", kTableChange},
    {"RestoreV2", "of the model's own checkpoint"},
};
// clang-format on

}  // namespace

std::string op_limits(std::string_view op) {
  for (const auto& row : kOpLimits) {
    if (row.op == op) return std::string(row.limit);
  }
  const OpRow* row = find_op(op);
  if (row == nullptr) return "";
  for (const ImporterLimit& limit : kImporterLimits) {
    if (limit.import == row->import) return std::string(limit.limit);
  }
  return "";
}

}  // namespace thaw::tf
