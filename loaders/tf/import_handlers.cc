// Which member of the importer handles which op that is more than a function of tensors.
#include <algorithm>

#include "loaders/load.h"
#include "loaders/tf/import.h"
#include "loaders/tf/op_support.h"

namespace thaw::tf {

const std::map<std::string_view, Importer::Handler>& Importer::handlers() {
  static const std::map<std::string_view, Handler> table{
      {"Assert", &Importer::assert_node},
      {"Assign", &Importer::assign_variable},
      {"AssignAdd", &Importer::update_variable},
      {"AssignAddVariableOp", &Importer::update_variable},
      {"AssignSub", &Importer::update_variable},
      {"AssignSubVariableOp", &Importer::update_variable},
      {"AssignVariableOp", &Importer::assign_variable},
      {"Case", &Importer::case_node},
      {"Const", &Importer::constant},
      {"ControlTrigger", &Importer::nothing},
      {"DestroyResourceOp", &Importer::nothing},
      {"DestroyTemporaryVariable", &Importer::destroy_temporary},
      {"DisableCopyOnRead", &Importer::nothing},
      {"Exit", &Importer::exit_node},
      {"HashTable", &Importer::table_handle},
      {"HashTableV2", &Importer::table_handle},
      {"Identity", &Importer::pass},
      {"IdentityN", &Importer::pass_all},
      {"If", &Importer::if_node},
      {"InitializeTable", &Importer::fill_table},
      {"InitializeTableFromTextFile", &Importer::fill_table},
      {"InitializeTableFromTextFileV2", &Importer::fill_table},
      {"InitializeTableV2", &Importer::fill_table},
      {"IsVariableInitialized", &Importer::is_initialized},
      {"LookupTableExport", &Importer::export_table},
      {"LookupTableExportV2", &Importer::export_table},
      {"LookupTableFind", &Importer::find_in_table},
      {"LookupTableFindV2", &Importer::find_in_table},
      {"LookupTableImport", &Importer::fill_table},
      {"LookupTableImportV2", &Importer::fill_table},
      {"LookupTableInsert", &Importer::change_table},
      {"LookupTableInsertV2", &Importer::change_table},
      {"LookupTableRemoveV2", &Importer::change_table},
      {"LookupTableSize", &Importer::table_size},
      {"LookupTableSizeV2", &Importer::table_size},
      {"LoopCond", &Importer::pass_first},
      {"Merge", &Importer::merge_node},
      {"Multinomial", &Importer::random_node},
      {"MutableDenseHashTable", &Importer::table_handle},
      {"MutableDenseHashTableV2", &Importer::table_handle},
      {"MutableHashTable", &Importer::table_handle},
      {"MutableHashTableOfTensors", &Importer::table_handle},
      {"MutableHashTableOfTensorsV2", &Importer::table_handle},
      {"MutableHashTableV2", &Importer::table_handle},
      {"NoOp", &Importer::nothing},
      {"PartitionedCall", &Importer::call_node},
      {"Placeholder", &Importer::placeholder},
      {"PlaceholderV2", &Importer::placeholder},
      {"PlaceholderWithDefault", &Importer::placeholder_with_default},
      {"Print", &Importer::pass_first},
      {"PrintV2", &Importer::nothing},
      {"RandomGamma", &Importer::random_node},
      {"RandomPoisson", &Importer::random_node},
      {"RandomPoissonV2", &Importer::random_node},
      {"RandomShuffle", &Importer::random_node},
      {"RandomStandardNormal", &Importer::random_node},
      {"RandomUniform", &Importer::random_node},
      {"RandomUniformInt", &Importer::random_node},
      {"ReadVariableOp", &Importer::read_variable},
      {"RefExit", &Importer::exit_node},
      {"RefIdentity", &Importer::pass},
      {"RefMerge", &Importer::merge_node},
      {"RefSwitch", &Importer::switch_node},
      {"RemoteCall", &Importer::remote_call},
      {"ResourceGather", &Importer::gather_variable},
      {"ResourceGatherNd", &Importer::gather_variable},
      {"ResourceScatterAdd", &Importer::scatter_variable},
      {"ResourceScatterDiv", &Importer::scatter_variable},
      {"ResourceScatterMax", &Importer::scatter_variable},
      {"ResourceScatterMin", &Importer::scatter_variable},
      {"ResourceScatterMul", &Importer::scatter_variable},
      {"ResourceScatterNdAdd", &Importer::scatter_variable},
      {"ResourceScatterNdMax", &Importer::scatter_variable},
      {"ResourceScatterNdMin", &Importer::scatter_variable},
      {"ResourceScatterNdSub", &Importer::scatter_variable},
      {"ResourceScatterNdUpdate", &Importer::scatter_variable},
      {"ResourceScatterSub", &Importer::scatter_variable},
      {"ResourceScatterUpdate", &Importer::scatter_variable},
      {"ResourceStridedSliceAssign", &Importer::assign_slice},
      {"RestoreV2", &Importer::restored},
      {"RngReadAndSkip", &Importer::skip_random_numbers},
      {"RngSkip", &Importer::skip_random_numbers},
      {"ScatterAdd", &Importer::scatter_variable},
      {"ScatterDiv", &Importer::scatter_variable},
      {"ScatterMax", &Importer::scatter_variable},
      {"ScatterMin", &Importer::scatter_variable},
      {"ScatterMul", &Importer::scatter_variable},
      {"ScatterNdAdd", &Importer::scatter_variable},
      {"ScatterNdMax", &Importer::scatter_variable},
      {"ScatterNdMin", &Importer::scatter_variable},
      {"ScatterNdSub", &Importer::scatter_variable},
      {"ScatterNdUpdate", &Importer::scatter_variable},
      {"ScatterSub", &Importer::scatter_variable},
      {"ScatterUpdate", &Importer::scatter_variable},
      {"StatefulPartitionedCall", &Importer::call_node},
      {"StatefulRandomBinomial", &Importer::generator_node},
      {"StatefulStandardNormalV2", &Importer::generator_node},
      {"StatefulTruncatedNormal", &Importer::generator_node},
      {"StatefulUniform", &Importer::generator_node},
      {"StatefulUniformFullInt", &Importer::generator_node},
      {"StatefulUniformInt", &Importer::generator_node},
      {"StatelessCase", &Importer::case_node},
      {"StatelessIf", &Importer::if_node},
      {"StatelessWhile", &Importer::while_node},
      {"StridedSliceAssign", &Importer::assign_slice},
      {"Switch", &Importer::switch_node},
      {"TemporaryVariable", &Importer::temporary_variable},
      {"TensorArrayCloseV3", &Importer::nothing},
      {"TensorArrayConcatV3", &Importer::array_concat},
      {"TensorArrayGatherV3", &Importer::array_gather},
      {"TensorArrayReadV3", &Importer::array_read},
      {"TensorArrayScatterV3", &Importer::array_scatter},
      {"TensorArraySizeV3", &Importer::array_size},
      {"TensorArraySplitV3", &Importer::array_split},
      {"TensorArrayV3", &Importer::array},
      {"TensorArrayWriteV3", &Importer::array_write},
      {"TruncatedNormal", &Importer::random_node},
      {"VarHandleOp", &Importer::variable_handle},
      {"VarIsInitializedOp", &Importer::is_initialized},
      {"Variable", &Importer::variable_reference},
      {"VariableShape", &Importer::variable_shape},
      {"VariableV2", &Importer::variable_reference},
      {"While", &Importer::while_node},
  };
  return table;
}

std::vector<std::string> Importer::structural_ops() {
  std::vector<std::string> names;
  for (const auto& [op, handler] : handlers()) names.emplace_back(op);
  return names;
}

}  // namespace thaw::tf

namespace thaw {

std::vector<SupportedOp> supported_tensorflow_ops() {
  std::vector<std::string> names = tf::Importer::structural_ops();
  for (const tf::OpRow& row : tf::op_table()) names.emplace_back(row.op);
  std::ranges::sort(names);
  std::vector<SupportedOp> ops;
  for (const std::string& name : names) {
    const std::string_view types = tf::tested_types(name);
    ops.push_back({name, std::string(types.empty() ? tf::untested_reason(name) : types),
                   tf::op_limits(name)});
  }
  return ops;
}

}  // namespace thaw
