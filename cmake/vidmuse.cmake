# Functions that declare this project's targets, all with the same flags.

set(VIDMUSE_COMPILE_OPTIONS -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND VIDMUSE_COMPILE_OPTIONS -Wthread-safety)
endif()
# Gold, a part of binutils, links the many test programs in a third of the time.
find_program(VIDMUSE_GOLD ld.gold DOC "the gold linker, or empty: the default one")
if(VIDMUSE_GOLD)
  add_link_options(-fuse-ld=gold)
endif()
if(VIDMUSE_SANITIZE)
  add_compile_options(-fsanitize=${VIDMUSE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${VIDMUSE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With sanitizers, GCC falsely reports uninitialised members in inlined library code.
    list(APPEND VIDMUSE_COMPILE_OPTIONS -Wno-maybe-uninitialized)
  endif()
endif()

set(VIDMUSE_TEST_ENVIRONMENT)  # set for every test, and inherited by the programs that it starts
if(VIDMUSE_SANITIZE MATCHES "thread")
  set(VIDMUSE_TEST_ENVIRONMENT
    "TSAN_OPTIONS=ignore_noninstrumented_modules=1 history_size=4 atexit_sleep_ms=100 suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
elseif(VIDMUSE_SANITIZE)
  set(VIDMUSE_TEST_ENVIRONMENT
    "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/lsan.supp print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1")
endif()
if(VIDMUSE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # lets the libraries' coverage guide the fuzzers
endif()

function(vidmuse_flags target)
  target_compile_options(${target} PRIVATE ${VIDMUSE_COMPILE_OPTIONS})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/core/include>)
endfunction()

# vidmuse_library(name SOURCES a.cc ... [DEPS target ...] [PRIVATE_DEPS target ...]
#                 [PRECOMPILED group])
#
# `group` (default: common) is one of precompiled.cmake's.
function(vidmuse_library name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(NOT ARG_PRECOMPILED)
    set(ARG_PRECOMPILED common)
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  vidmuse_flags(${name})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  vidmuse_use_precompiled(${name} ${ARG_PRECOMPILED})
endfunction()

# vidmuse_binary(name SOURCES a.cc ... [DEPS target ...])
function(vidmuse_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  vidmuse_flags(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  vidmuse_use_precompiled(${name} common)
endfunction()

# vidmuse_test(name LABEL unit|golden|e2e|fuzz|bench SOURCES a.cc ... [DEPS target ...]
#              [TIMEOUT seconds])
#
# Declares a GoogleTest binary and runs it as one CTest test. VIDMUSE_TEST_DATA is defined as the
# folder of its data, VIDMUSE_BIN_DIR as the folder of the programs. A sanitizer multiplies TIMEOUT
# (default 120) by 4.
function(vidmuse_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(VIDMUSE_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  vidmuse_flags(${name})
  target_compile_definitions(${name} PRIVATE
    VIDMUSE_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
    VIDMUSE_BIN_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  if("${ARG_DEPS}" MATCHES "vidmuse_(libtorch|training)")
    vidmuse_use_precompiled(${name} torch_tests)
  elseif("${ARG_DEPS}" MATCHES "vidmuse_(server|client|cli|proto)")
    vidmuse_use_precompiled(${name} grpc_tests)
  else()
    vidmuse_use_precompiled(${name} tests)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  # On a fresh checkout CTest knows no times, and starts tests of a higher cost first.
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT}
    ENVIRONMENT "${VIDMUSE_TEST_ENVIRONMENT}")
endfunction()
