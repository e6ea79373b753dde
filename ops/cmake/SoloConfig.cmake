# find_package(Solo): the target Solo::publisher. What the library is built on is found by the loader.
include(${CMAKE_CURRENT_LIST_DIR}/SoloTargets.cmake)
