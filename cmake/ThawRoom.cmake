# One static library per room, linked PRIVATE to the floors below; libthaw is made of all of them.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

add_library(thaw_flags INTERFACE)
target_include_directories(thaw_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(thaw_flags INTERFACE -Wall -Wextra -Wshadow -Wvla -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 sees uninitialised members in every moved std::variant and overlaps in std::string's operator+.
  target_compile_options(thaw_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
target_link_libraries(thaw_flags INTERFACE fmt::fmt Threads::Threads)
if(THAW_SANITIZE)
  target_compile_options(thaw_flags INTERFACE -fsanitize=${THAW_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all -fno-sanitize=null,vptr)
  # null, vptr: a third of the build's time for what AddressSanitizer catches at the access.
  target_link_options(thaw_flags INTERFACE -fsanitize=${THAW_SANITIZE})
endif()

# thaw_room(<name> <folder> [DEPENDS <rooms>...] [LIBRARIES <third party>...])
# compiles every .cc below <folder> (relative to the calling CMakeLists).
function(thaw_room name folder)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  if(NOT sources)
    add_library(thaw_${name} INTERFACE)
    return()
  endif()
  add_library(thaw_${name} STATIC ${sources})
  target_link_libraries(thaw_${name} PRIVATE thaw_flags ${ROOM_LIBRARIES})
  foreach(room ${ROOM_DEPENDS})
    target_link_libraries(thaw_${name} PRIVATE thaw_${room})
  endforeach()
endfunction()
