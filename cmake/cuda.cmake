# Finds CUDA's compiler for the kernels of core/model/gpu: by default the one that
# `deploy/setup.sh --cuda` unpacked, if any. CMake's own CUDA language would need a whole toolkit.
#
# The cache variable VIDMUSE_NVCC names another nvcc; if it is empty, no kernels are built.
find_program(VIDMUSE_NVCC nvcc PATHS ${CMAKE_SOURCE_DIR}/.deps/cuda/nvidia/cu13/bin NO_DEFAULT_PATH
  DOC "nvcc, or empty: no kernels")

# Builds binaries for compute capabilities 8.0 and 9.0 (9.0a runs on 9.0 only), and PTX of 8.0,
# which drivers compile for other devices.
set(VIDMUSE_CUDA_TARGETS
  -gencode=arch=compute_80,code=[sm_80,compute_80] -gencode=arch=compute_90a,code=sm_90a)

# vidmuse_cuda_objects(variable SOURCES a.cu ...)
#
# Compiles this folder's sources and sets `variable` to the object files. They use the CUDA runtime
# that LibTorch's CUDA libraries have loaded.
function(vidmuse_cuda_objects variable)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  set(objects)
  foreach(source ${ARG_SOURCES})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${object}
      COMMAND ${VIDMUSE_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr --extended-lambda
        ${VIDMUSE_CUDA_TARGETS} -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-fPIC,-fvisibility=hidden
        -I${CMAKE_SOURCE_DIR} -MD -MT ${object} -MF ${object}.d
        -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d VERBATIM COMMENT "Compiling ${source} for GPUs")
    list(APPEND objects ${object})
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()
