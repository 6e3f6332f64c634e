#!/usr/bin/env bash
# Installs the client library into a folder of its own, builds a program there against it alone, and has the
# program make music with a real server: the same bytes as the tool's.
#
#   package_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" --component client >/dev/null
cp -r "$source/tests/e2e/package" "$work/program"
cmake -S "$work/program" -B "$work/program/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/program/build"

: >"$work/server.log"
"$build/vidmuse_server" --model_dir "$source/tests/data/demo" --listen 127.0.0.1:0 --metrics_listen 127.0.0.1:0 \
  2>>"$work/server.log" &
server=$!
address=
while [ -z "$address" ] && read -r -t 60 line; do
  address=$(sed -n 's/.*ready on \([^ ,"]*\).*/\1/p' <<<"$line")
done < <(tail -n +1 -f --pid=$server "$work/server.log")
[ -n "$address" ] || { cat "$work/server.log"; exit 1; }
video=$source/tests/data/demo/clip.mp4
"$work/program/build/package_user" "$address" "$video" "$work/own.wav"
"$work/program/build/package_user" "$work/own.mp4"
"$work/prefix/bin/vidmuse" generate --server "$address" --video "$video" --seed 7 --output "$work/tool.wav"
cmp "$work/own.wav" "$work/tool.wav"
echo "package_test: $(stat -c %s "$work/own.wav") equal bytes"
