# Installs the client library as a CMake package for other projects, and the `vidmuse` tool:
#
#   cmake --install build/release --prefix DIR --component client
#
# A project uses the package so:
#
#   find_package(vidmuse_client REQUIRED)                  # with CMAKE_PREFIX_PATH=DIR
#   target_link_libraries(program vidmuse::vidmuse_client)  # #include "client/music_client.h"
#   target_link_libraries(program vidmuse::vidmuse_mux)     # #include "client/mux/mux_video.h"
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vidmuse_client)
target_include_directories(vidmuse_client INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_include_directories(vidmuse_mux INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS vidmuse_client vidmuse_mux vidmuse_base vidmuse_telemetry vidmuse_proto vidmuse_health_proto
  EXPORT vidmuse_client ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/vidmuse COMPONENT client)
install(TARGETS vidmuse RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT client)
install(FILES client/music_client.h client/video_source.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/client COMPONENT client)
install(FILES core/base/origin_mark.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/core/base COMPONENT client)
install(FILES telemetry/span.h telemetry/trace_context.h telemetry/tracer.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/telemetry COMPONENT client)
install(FILES client/mux/mux_video.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/client/mux COMPONENT client)
install(FILES ${CMAKE_BINARY_DIR}/proto/vidmuse/v1/music.pb.h ${CMAKE_BINARY_DIR}/proto/vidmuse/v1/music.grpc.pb.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vidmuse/v1 COMPONENT client)
install(FILES proto/vidmuse/v1/music.proto
  DESTINATION ${CMAKE_INSTALL_DATADIR}/vidmuse/proto/vidmuse/v1 COMPONENT client)
install(EXPORT vidmuse_client NAMESPACE vidmuse:: FILE vidmuse_client_targets.cmake
  DESTINATION ${package_dir} COMPONENT client)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/vidmuse_client-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES cmake/vidmuse_client-config.cmake ${CMAKE_BINARY_DIR}/vidmuse_client-config-version.cmake
  DESTINATION ${package_dir} COMPONENT client)
