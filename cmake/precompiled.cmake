# Precompiled headers, which halve the time of a cold build. They hold headers of the standard library
# and of other projects, never our own, and each of our files still includes what it uses: presets
# with clang build without them.
#
# vidmuse_precompiled(name HEADERS <a.h> ... [DEPS target ...])
#
# Declares the group `name` of headers. A target that uses the group is compiled with the same flags
# as the group's own object library, because GCC accepts a precompiled header with no others.
function(vidmuse_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  set(library vidmuse_precompiled_${name})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${library}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${library} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${library} PRIVATE ${ARG_DEPS})
  target_precompile_headers(${library} PRIVATE ${ARG_HEADERS})
  vidmuse_precompiled_flags(${library} ${name})
endfunction()

# vidmuse_use_precompiled(target group)
function(vidmuse_use_precompiled target group)
  target_precompile_headers(${target} REUSE_FROM vidmuse_precompiled_${group})
  vidmuse_precompiled_flags(${target} ${group})
endfunction()

# Under sanitizers, tests themselves are built without optimisation, which takes a third less time.
function(vidmuse_precompiled_flags target group)
  if(VIDMUSE_SANITIZE AND group MATCHES "tests$")
    target_compile_options(${target} PRIVATE -O0)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # ccache needs it
  endif()
endfunction()

set(common_headers
  <algorithm> <atomic> <cmath> <cstdint> <cstring> <deque> <filesystem> <fstream> <functional> <map>
  <memory> <optional> <random> <set> <sstream> <string> <thread> <utility> <variant> <vector>
  <absl/base/thread_annotations.h> <absl/status/status.h> <absl/status/statusor.h>
  <absl/strings/match.h> <absl/strings/numbers.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
  <absl/time/clock.h> <absl/time/time.h> <absl/types/span.h>)
set(grpc_headers
  <absl/container/flat_hash_map.h> <google/protobuf/extension_set.h> <google/protobuf/map.h>
  <google/protobuf/message.h> <grpcpp/grpcpp.h>)
set(test_headers <gmock/gmock.h> <gtest/gtest.h>)
set(torch_headers <ATen/ATen.h> <ATen/Parallel.h> <c10/core/GradMode.h>)

vidmuse_precompiled(common HEADERS ${common_headers} DEPS absl::statusor absl::str_format absl::time)
vidmuse_precompiled(grpc HEADERS ${common_headers} ${grpc_headers} DEPS gRPC::grpc++)
vidmuse_precompiled(torch HEADERS ${torch_headers} ${common_headers} DEPS vidmuse_libtorch)
if(VIDMUSE_TESTS)
  vidmuse_precompiled(tests HEADERS ${common_headers} ${test_headers} DEPS GTest::gmock GTest::gtest)
  vidmuse_precompiled(grpc_tests HEADERS ${common_headers} ${test_headers} ${grpc_headers}
    DEPS gRPC::grpc++ GTest::gmock GTest::gtest)
  vidmuse_precompiled(torch_tests HEADERS ${torch_headers} ${common_headers} ${test_headers}
    DEPS vidmuse_libtorch GTest::gmock GTest::gtest)
endif()
