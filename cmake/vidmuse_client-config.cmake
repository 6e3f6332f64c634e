# Finds the packages that the client library links.
include(CMakeFindDependencyMacro)
find_dependency(absl)
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
find_dependency(Threads)
# FFmpeg is needed by vidmuse::vidmuse_mux alone.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(FFMPEG QUIET IMPORTED_TARGET libavformat libavcodec libavutil libswscale libswresample)
  pkg_check_modules(AVFILTER QUIET IMPORTED_TARGET libavfilter)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/vidmuse_client_targets.cmake)
