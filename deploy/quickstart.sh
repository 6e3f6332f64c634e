#!/usr/bin/env bash
# From nothing to music: installs what is missing, builds, starts a server on the small demo model of
# tests/data/demo, makes music for a bundled video, as a WAV file and under the video, and stops the server.
#
#   deploy/quickstart.sh                    music for tests/data/demo/clip.mp4
#   deploy/quickstart.sh VIDEO [FLAG...]    for another video; flags go to `vidmuse generate`
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
build=build/release
model=tests/data/demo
work=build/quickstart
output=$work/music.wav

video=$root/tests/data/demo/clip.mp4
if (($#)); then
  case $1 in
    /*) video=$1 ;;
    *) video=$caller/$1 ;;
  esac
  shift
fi

deploy/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target vidmuse_server vidmuse

mkdir -p "$work"
server=
stop_server() {
  [ -z "$server" ] && return
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" || true
  server=
}
trap stop_server EXIT
trap 'exit 130' INT TERM

"$build/vidmuse_server" --model_dir "$model" --listen 127.0.0.1:0 --metrics_listen 127.0.0.1:0 \
  2>"$work/server.log" &
server=$!
address=
for ((i = 0; i < 600; i++)); do
  address=$(sed -n 's/.*ready on \([^ ,"]*\).*/\1/p' "$work/server.log")
  [ -n "$address" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
if [ -z "$address" ]; then
  echo "quickstart: the server did not start:" >&2
  cat "$work/server.log" >&2
  exit 1
fi

[[ " $* " == *" --seed"* ]] || set -- --seed 7 "$@"
"$build/vidmuse" generate --server "$address" --video "$video" --output "$output" "$@"
if [[ " $* " != *" --format"* ]]; then
  "$build/vidmuse" generate --server "$address" --video "$video" --output "$work/video.mp4" "$@"
  echo "quickstart: the video with its music is $work/video.mp4"
fi
stop_server
echo "quickstart: the music for $video is $output"
echo "quickstart: a small model made it, trained on synthetic clips; see the README for published ones"
