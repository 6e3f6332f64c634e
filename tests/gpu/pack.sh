#!/usr/bin/env bash
# Packs what tests/gpu/run.sh needs into one .tar.xz, for a machine that has LibTorch of the pinned version
# with its CUDA half, Python and glibc, and none of Debian's libraries:
#
#   tests/gpu/pack.sh OUT.tar.xz [BUILD]     BUILD: default build/release
#
# There: python3 -m tarfile -e OUT.tar.xz DIR && DIR/tests/gpu/run.sh
set -euo pipefail
out=$(realpath "${1:?OUT.tar.xz}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath "${2:-build/release}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/build/tests "$work"/lib "$work"/tests/data "$work"/tests/gpu

programs=(vidmuse_server vidmuse_video_decoder vidmuse vidmuse_bench vidmuse_make_model libvidmuse_cuda.so
  tests/gpu_test tests/device_model_golden_test)
for program in "${programs[@]}"; do
  [ -e "$build/$program" ] || { echo "pack.sh: $build/$program isn't built" >&2; exit 1; }
  strip -o "$work/build/$program" "$build/$program"
done

# Every machine has the C and C++ libraries; LibTorch's are the machine's own.
for program in "${programs[@]}"; do
  ldd "$build/$program" | awk '$3 ~ /^\// { print $3 }'
done | sort -u | while read -r library; do
  case $library in
    "$(realpath .deps)"* | "$PWD"/.deps* | */torch/lib/* | */cu13/lib/*) ;;
    */libc.so* | */libm.so* | */libdl.so* | */librt.so* | */libutil.so* | */libresolv.so* | */libpthread.so*) ;;
    */libstdc++.so* | */libgcc_s.so*) ;;
    *) cp -L "$library" "$work/lib/" ;;
  esac
done

# FFmpeg is linked with encoders, which it asks for their names alone: empty functions take their place.
names() { nm -D "$@" 2>/dev/null | awk 'NF > 1 { sub(/@.*/, "", $NF); print $NF }' | sort -u; }
for large in x265 codec2 rsvg-2 SvtAv1Enc aom rav1e icuuc x264; do
  for library in "$work"/lib/lib"$large".so*; do
    [ -e "$library" ] || continue
    names --defined-only "$library" > "$work/defined"
    find "$work/lib" -name '*.so*' ! -path "$library" -exec nm -D --undefined-only {} + 2>/dev/null |
      awk 'NF > 1 { sub(/@.*/, "", $NF); print $NF }' | sort -u | comm -12 - "$work/defined" |
      awk '{ print "long " $1 "(void) { return 0; }" }' |
      gcc -w -fno-builtin -x c -shared -nostdlib -Wl,-soname,"$(basename "$library")" -o "$work/stub" -
    mv "$work/stub" "$library"
  done
done
rm -f "$work"/lib/libicudata.so* "$work/defined"

cp -r tests/data/golden tests/data/demo "$work/tests/data/"
rm -rf "$work"/tests/data/golden/make
cp tests/gpu/*.sh tests/gpu/*.py "$work/tests/gpu/"
XZ_OPT=${XZ_OPT:--6 -T2} tar -C "$work" -cJf "$out" build lib tests
ls -l "$out"
