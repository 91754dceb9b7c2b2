# find_package(thaw) gives the target thaw::thaw.
include("${CMAKE_CURRENT_LIST_DIR}/thaw-targets.cmake")
