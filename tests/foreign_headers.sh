#!/usr/bin/env bash
# Fails when a build took anything from outside Debian's packages, the source tree and LibTorch: a machine
# that has just what deploy/setup.sh installs would lack it.
#
#   tests/foreign_headers.sh BUILD_DIR SOURCE_DIR LIBTORCH_DIR
set -euo pipefail
build=$(realpath "$1")
allowed=("$build" "$(realpath "$2")" "$(realpath "$3/..")" /usr/include /usr/lib)
cd "$build"

# Headers that compilers read, and libraries that build.ninja names, each by its real path.
files() {
  ninja -t deps | sed -n 's/^    //p'
  tr ' :|' '\n\n\n' <build.ninja | grep -E '^/[^$]*\.(so|a)(\.[0-9.]+)?$' || true
}
foreign=$(files | sort -u | xargs -d '\n' realpath -m | sort -u |
  awk -v allowed="${allowed[*]}" '
    BEGIN { count = split(allowed, prefix, " ") }
    {
      for (i = 1; i <= count; ++i) if (index($0, prefix[i] "/") == 1) next
      print
    }')
if [ -n "$foreign" ]; then
  printf 'neither from a Debian package nor from LibTorch:\n%s\n' "$foreign" >&2
  exit 1
fi
echo "$(ninja -t deps | grep -c '#deps') objects, nothing foreign"
