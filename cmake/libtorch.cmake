# Declares the target vidmuse_libtorch, which links LibTorch's CPU libraries. TorchConfig.cmake
# isn't used, because it would require the CUDA toolkit.
#
# LIBTORCH_DIR (cache or environment) names a folder with include/ and lib/; the default is the one
# that deploy/setup.sh unpacked. Its include folders contain another version of Protobuf, so they
# come last on the search path, and only core/model/{torch,conditioner,gpu},
# core/{extractors,evaluate,train} and their tests may use them.

set(LIBTORCH_DIR "" CACHE PATH "LibTorch: a folder with include/ and lib/")
set(torch_dir ${LIBTORCH_DIR})
if(NOT torch_dir)
  set(torch_dir $ENV{LIBTORCH_DIR})
endif()
if(NOT torch_dir)
  set(torch_dir ${CMAKE_SOURCE_DIR}/.deps/wheels/torch)
endif()
if(NOT EXISTS ${torch_dir}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch at ${torch_dir}: run deploy/setup.sh, or set LIBTORCH_DIR")
endif()

# The conditioner calls operators that LibTorch promises nobody, so another version needs a look at
# core/model/conditioner/onednn_linear.cc first. (That file checks them at run time too.)
set(torch_tested 2.11)
file(STRINGS ${torch_dir}/include/torch/headeronly/version.h torch_version_lines
  REGEX "define TORCH_VERSION_(MAJOR|MINOR) [0-9]+")
list(TRANSFORM torch_version_lines REPLACE ".* ([0-9]+)$" "\\1")
list(JOIN torch_version_lines "." torch_version)
if(NOT torch_version VERSION_EQUAL torch_tested)
  message(FATAL_ERROR "${torch_dir} has LibTorch '${torch_version}': only ${torch_tested} is known to work")
endif()

add_library(vidmuse_libtorch INTERFACE)
target_compile_options(vidmuse_libtorch INTERFACE
  "SHELL:-idirafter ${torch_dir}/include"
  "SHELL:-idirafter ${torch_dir}/include/torch/csrc/api/include")
target_link_libraries(vidmuse_libtorch INTERFACE
  ${torch_dir}/lib/libtorch_cpu.so ${torch_dir}/lib/libc10.so)
set(torch_rpath ${torch_dir}/lib)
file(GLOB cuda_libs ${torch_dir}/../nvidia/cu13/lib)
list(APPEND torch_rpath ${cuda_libs})
foreach(dir ${torch_rpath})
  # Sets DT_RPATH rather than RUNPATH, because it also applies to libtorch_cpu.so's own
  # dependencies.
  target_link_options(vidmuse_libtorch INTERFACE -Wl,--disable-new-dtags,-rpath,${dir} -Wl,-rpath-link,${dir})
endforeach()
