#!/usr/bin/env bash
# From nothing to music: installs what is missing, builds, starts a server on the small demo model of
# tests/data/demo, makes music for a bundled video, as a WAV file and under the video, and stops the server.
#
#   deploy/quickstart.sh                    music for tests/data/demo/clip.mp4
#   deploy/quickstart.sh VIDEO [FLAG...]    for another video; flags go to `vidmuse generate`
#   deploy/quickstart.sh --web              for a browser instead: runs server and gateway until Ctrl-C
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
build=build/release
model=tests/data/demo
work=build/quickstart
output=$work/music.wav

web=0
video=$root/tests/data/demo/clip.mp4
if (($#)); then
  case $1 in
    --web)
      web=1
      (($# == 1)) || { echo "quickstart: --web takes nothing more" >&2; exit 2; }
      ;;
    /*) video=$1 ;;
    *) video=$caller/$1 ;;
  esac
  shift
fi

deploy/setup.sh
cmake --preset release >/dev/null
targets=(vidmuse_server vidmuse)
((web)) && targets=(vidmuse_server vidmuse_gateway)
cmake --build --preset release --target "${targets[@]}"

mkdir -p "$work"
running=()  # the last one started is the first one stopped
stop_all() {
  for ((i = ${#running[@]} - 1; i >= 0; i--)); do
    kill -TERM "${running[i]}" 2>/dev/null || true
    wait "${running[i]}" || true
  done
  running=()
}
trap stop_all EXIT
trap 'exit 130' INT TERM HUP

# Starts a program and sets `address` to where it listens; empty: it ended before.
start() {  # log, program, flags...
  local log=$1; shift
  : >"$log"
  # In a session of its own, so that Ctrl-C reaches this script alone, which stops the programs in order.
  setsid "$@" 2>"$log" &
  local pid=$!
  running+=("$pid")
  address=
  for ((i = 0; i < 600; i++)); do
    address=$(sed -n 's/.*ready on \([^ ,"]*\).*/\1/p' "$log")
    [ -z "$address" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || true
  unset 'running[-1]'
}
failed() {  # what, log
  echo "quickstart: the $1 did not start:" >&2
  cat "$2" >&2
  exit 1
}

start "$work/server.log" "$build/vidmuse_server" --model_dir "$model" --listen 127.0.0.1:0 --metrics_listen 127.0.0.1:0
[ -n "$address" ] || failed server "$work/server.log"

if ((web)); then
  server=$address
  for port in 8080 0; do  # 0: another one, if 8080 is taken
    start "$work/gateway.log" "$build/vidmuse_gateway" --server "$server" --listen "127.0.0.1:$port"
    [ -z "$address" ] || break
  done
  [ -n "$address" ] || failed gateway "$work/gateway.log"
  trap 'echo "quickstart: stopping"; stop_all; exit 0' INT TERM HUP
  echo "quickstart: music for your videos at http://$address/ (logs: $work/*.log)"
  echo "quickstart: Ctrl-C stops server and gateway"
  wait -n "${running[@]}" || true
  echo "quickstart: a program ended by itself; see $work/*.log" >&2
  exit 1
fi

[[ " $* " == *" --seed"* ]] || set -- --seed 7 "$@"
"$build/vidmuse" generate --server "$address" --video "$video" --output "$output" "$@"
if [[ " $* " != *" --format"* ]]; then
  "$build/vidmuse" generate --server "$address" --video "$video" --output "$work/video.mp4" "$@"
  echo "quickstart: the video with its music is $work/video.mp4"
fi
stop_all
echo "quickstart: the music for $video is $output"
echo "quickstart: a small model made it, trained on synthetic clips; see the README for published ones"
