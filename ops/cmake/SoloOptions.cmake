# What every target of Solo is compiled with, as one interface target.
option(SOLO_TESTS "Build the tests" ON)
option(SOLO_PCH "Use precompiled headers (off in one build, so that every file names what it includes)" ON)
option(SOLO_CRASH_POINTS "Let SOLO_CRASH_AT end the programs at named points, for tests (schemas/crash_point.h)" OFF)
option(SOLO_FUZZ "Build the libFuzzer programs (clang)" OFF)
set(SOLO_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(SOLO_CCACHE ccache)
if(SOLO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache needs to know to work with precompiled headers, and to find again what another checkout compiled. The
  # schemas go into every hash: otherwise it was seen to hand out a precompiled header of their former content.
  file(GLOB schemas CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/fbs/*.fbs)
  list(JOIN schemas ":" schemas)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_EXTRAFILES=${schemas} ${SOLO_CCACHE})
endif()

add_library(solo_options INTERFACE)
target_compile_options(solo_options INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wnull-dereference -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these in the standard library's own inlined code.
  target_compile_options(solo_options INTERFACE -Wno-restrict -Wno-null-dereference -Wno-array-bounds
                         -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized -fpch-preprocess)
else()
  target_compile_options(solo_options INTERFACE -Wno-unused-command-line-argument)
endif()
if(SOLO_SANITIZE)
  target_compile_options(solo_options INTERFACE -fsanitize=${SOLO_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(solo_options INTERFACE -fsanitize=${SOLO_SANITIZE})
endif()
if(SOLO_FUZZ)
  target_compile_options(solo_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(SOLO_LLD ld.lld)
if(SOLO_LLD)
  target_link_options(solo_options INTERFACE -fuse-ld=lld)
endif()
# Source and generated headers are included by their path from the top: "schemas/ids.h".
target_include_directories(solo_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
