# Finds the packages that the client library links.
include(CMakeFindDependencyMacro)
find_dependency(absl)
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/vidmuse_client_targets.cmake)
