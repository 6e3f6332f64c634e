#!/usr/bin/env bash
# Lays out what the images hold beside Debian's packages, from a build:
#
#   docker/stage.sh BUILD FOLDER [--cuda]
#
# FOLDER/server and FOLDER/gateway get /opt/vidmuse/bin with the programs and /opt/vidmuse/lib with those of LibTorch's libraries that
# are loaded; --cuda adds its CUDA half. The programs find them beside themselves, and wheels.txt says which wheels they are from. Needs
# patchelf.
set -euo pipefail
build=$(realpath "$1") folder=$(realpath -m "$2") cuda=${3:-}
server=$folder/server/opt/vidmuse gateway=$folder/gateway/opt/vidmuse
rm -rf "$folder/server" "$folder/gateway"
mkdir -p "$server/bin" "$server/lib" "$gateway/bin"

# A folder's program, which finds its libraries in ../lib and nowhere else.
program() {  # name, folder
  install -m 755 "$build/$1" "$2/bin/$1"
  strip "$2/bin/$1"
  # DT_RPATH, not RUNPATH, which wouldn't hold for the libraries' own libraries.
  patchelf --force-rpath --set-rpath "\$ORIGIN/../lib" "$2/bin/$1"
}
# The libraries that a file is linked with and that are not the system's.
linked() {  # file
  ldd "$1" | awk '$3 ~ "^/" && $3 !~ "^/(usr/)?lib/" {print $3}'
}

wheels=$(linked "$build/vidmuse_server" | sed -n 's|/torch/lib/libtorch_cpu.so$||p')
linked "$build/vidmuse_server" >"$folder/libraries"
if [ "$cuda" = --cuda ]; then
  {
    echo "$wheels/torch/lib/libtorch_cuda.so"
    linked "$wheels/torch/lib/libtorch_cuda.so"
    # Opened by name: cuDNN's parts, and the compiler that it and LibTorch make small kernels with.
    ls "$wheels"/nvidia/cudnn/lib/libcudnn_*.so.*
    echo "$wheels/torch/lib/libcaffe2_nvrtc.so"
    ls "$wheels"/nvidia/cu13/lib/libnvrtc.so.13 "$wheels"/nvidia/cu13/lib/libnvrtc-builtins.so.13.0
  } >>"$folder/libraries"
fi
for name in vidmuse_server vidmuse vidmuse_video_decoder vidmuse_curate; do program "$name" "$server"; done
if [ "$cuda" = --cuda ]; then program libvidmuse_cuda.so "$server"; fi
program vidmuse_gateway "$gateway"

: >"$folder/wheels"
sort -u "$folder/libraries" | while read -r library; do
  install -m 644 "$library" "$server/lib/$(basename "$library")"
  name=$(realpath "$library")
  (cd "$wheels" && grep -l "^${name#"$(realpath "$wheels")"/}," ./*.dist-info/RECORD) >>"$folder/wheels"
done
sort -u "$folder/wheels" | sed -E 's|^\./(.*)-([^-]*)\.dist-info/RECORD$|\1==\2|; s/_/-/g' >"$server/wheels.txt"
: >"$gateway/wheels.txt"
rm "$folder/libraries" "$folder/wheels"
