// Poses as NVIDIA's driver (libcuda.so.1). FAKE_DRIVER says how, e.g. "version=12040 count=1
// major=9": numbers by name, those left out as in a machine without fault but without a GPU.
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int setting(const char* name, int otherwise) {
  const char* text = std::getenv("FAKE_DRIVER");
  const char* found = text == nullptr ? nullptr : std::strstr(text, name);
  return found == nullptr ? otherwise : std::atoi(found + std::strlen(name) + 1);
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return setting("init", 0); }
int cuDriverGetVersion(int* version) {
  *version = setting("version", 13000);
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = setting("count", 0);
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}
int cuDeviceGetName(char* name, int bytes, int) {
  std::snprintf(name, static_cast<std::size_t>(bytes), "Fake GPU");
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{8} << 30;
  return setting("memory", 0);
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? setting("major", 9) : 0;
  return 0;
}
int cuGetErrorString(int, const char** text) {
  *text = "no such luck";
  return 0;
}
}
