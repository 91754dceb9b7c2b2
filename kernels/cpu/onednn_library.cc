#include "kernels/cpu/onednn_library.h"

#include <dlfcn.h>

#include <string>

namespace thaw::cpu::onednn {
namespace {

template <class Function>
bool resolve(void* file, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(file, symbol));
  return function != nullptr;
}

bool resolve_all(void* file, Library& l) {
  return resolve(file, "dnnl_engine_create", l.engine_create) &&
         resolve(file, "dnnl_stream_create", l.stream_create) &&
         resolve(file, "dnnl_stream_destroy", l.stream_destroy) &&
         resolve(file, "dnnl_memory_desc_init_by_strides", l.memory_desc_init_by_strides) &&
         resolve(file, "dnnl_memory_desc_init_by_tag", l.memory_desc_init_by_tag) &&
         resolve(file, "dnnl_memory_desc_get_size", l.memory_desc_get_size) &&
         resolve(file, "dnnl_memory_create", l.memory_create) &&
         resolve(file, "dnnl_memory_destroy", l.memory_destroy) &&
         resolve(file, "dnnl_primitive_attr_create", l.attr_create) &&
         resolve(file, "dnnl_primitive_attr_destroy", l.attr_destroy) &&
         resolve(file, "dnnl_primitive_attr_set_scratchpad_mode", l.attr_set_scratchpad_mode) &&
         resolve(file, "dnnl_dilated_convolution_forward_desc_init", l.convolution_desc_init) &&
         resolve(file, "dnnl_reorder_primitive_desc_create", l.reorder_desc_create) &&
         resolve(file, "dnnl_primitive_desc_create", l.primitive_desc_create) &&
         resolve(file, "dnnl_primitive_desc_destroy", l.primitive_desc_destroy) &&
         resolve(file, "dnnl_primitive_desc_query_md", l.primitive_desc_query_md) &&
         resolve(file, "dnnl_primitive_create", l.primitive_create) &&
         resolve(file, "dnnl_primitive_destroy", l.primitive_destroy) &&
         resolve(file, "dnnl_primitive_execute", l.primitive_execute) &&
         resolve(file, "omp_get_max_threads", l.max_threads) &&
         resolve(file, "omp_set_num_threads", l.set_threads);
}

// The headers' major version, which is part of the file's name, fixes structs and functions. The
// handle sees the symbols of the libraries that oneDNN needs as well.
const Library* open_library() {
  const std::string name = "libdnnl.so." + std::to_string(DNNL_VERSION_MAJOR);
  void* file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) return nullptr;
  static Library functions;
  return resolve_all(file, functions) ? &functions : nullptr;
}

}  // namespace

const Library* library() {
  static const Library* const opened = open_library();
  return opened;
}

}  // namespace thaw::cpu::onednn
