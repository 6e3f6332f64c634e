#!/usr/bin/env bash
# Everything that needs a GPU, in under eight minutes: the self-test, the tests on a GPU, the published
# model's goldens, a song through the server, and the benchmark. Writes OUT/gpu.json, each part's log
# beside it, and prints a table.
#
#   tests/gpu/run.sh [OUT [BUILD]]     OUT: default BUILD/gpu; BUILD: build/release, or what pack.sh packed
#
# Exit code 0: all of it passed, or there is no GPU, which a line says; 1: a part failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${2:-$root/build/release}
[ -d "$build" ] || build=$root/build
out=${1:-$build/gpu}
mkdir -p "$out"
export VIDMUSE_TEST_DATA=$root/tests/data

if [ -d "$root/lib" ]; then  # packed: LibTorch is Python's
  torch=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])') || {
    echo "SKIPPED: Python here has no torch, whose LibTorch the packed programs need"
    exit 0
  }
  libraries=$root/lib:$torch/lib:$torch/../nvidia/cu13/lib:${LD_LIBRARY_PATH:-}
else
  libraries=${LD_LIBRARY_PATH:-}
fi
# Only the programs may see the packed libraries.

# part NAME SECONDS COMMAND...: runs it; its exit code goes to NAME.rc, its output to NAME.log.
part() {
  local name=$1 seconds=$2 begin=$SECONDS
  shift 2
  timeout "$seconds" env LD_LIBRARY_PATH="$libraries" "$@" > "$out/$name.log" 2> "$out/$name.err"
  echo $? > "$out/$name.rc"
  echo "$name: exit code $(cat "$out/$name.rc") after $((SECONDS - begin)) s"
  return "$(cat "$out/$name.rc")"
}

part probe 60 "$build/tests/gpu_test" --gtest_filter=GpuTest.PassesTheSelfTest
if grep -q SKIPPED "$out/probe.log"; then
  echo "SKIPPED: $(sed -n '/Skipped/{n;p;q}' "$out/probe.log")"
  exit 0
fi

# serve PART MODEL_DIR SECONDS: a song through the server on the GPU, and what its metrics say.
serve() {
  local name=$1 model=$2 seconds=$3 server
  env LD_LIBRARY_PATH="$libraries" "$build/vidmuse_server" --model_dir "$model" --device cuda:0 \
    --video_sandbox best_effort --listen 127.0.0.1:50077 --metrics_listen 127.0.0.1:50078 2> "$out/$name.server" &
  server=$!
  for _ in $(seq 600); do
    grep -q 50077 "$out/$name.server" && break
    kill -0 $server 2> /dev/null || break
    sleep 0.1
  done
  part "$name" "$seconds" "$build/vidmuse" generate --server 127.0.0.1:50077 --seed 7 --loudness streaming \
    --video "$root/tests/data/demo/clip.mp4" --output "$out/$name.wav"
  python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:50078/metrics").read().decode())' \
    > "$out/$name.metrics" 2> /dev/null
  kill -TERM $server 2> /dev/null
  wait $server
}

# What doesn't measure times, side by side.
part tests 240 "$build/tests/gpu_test" --gtest_filter='-GpuFaultTest.*' &
part faults 120 "$build/tests/gpu_test" --gtest_filter='GpuFaultTest.*' &
part goldens 240 "$build/tests/device_model_golden_test" --gtest_filter='*Gpu*' &
part self_test 60 "$build/vidmuse_server" --self_test --device cuda --model_dir "$root/tests/data/demo" &
wait
serve song "$root/tests/data/demo" 60
if part make_model 60 "$build/vidmuse_make_model" --out "$out/small" --dim 1024 --heads 16 --layers 24 \
  --hidden_scale 4 --card 2048 --clip_layers 12 --clip_mlp 3072 --codec_dim 128 --codec_filters 64 \
  --codec_bins 2048; then
  serve song_small "$out/small" 60
  rm -rf "$out/small"
fi
# Then the times, alone.
part bench_8 150 "$build/vidmuse_bench" --device=cuda --scale=small --precisions=fp16,bf16 \
  --graphs=on,off --kernels=on,off --slots=8 --requests=1,2,4,8 --position=200
part bench_64 90 "$build/vidmuse_bench" --device=cuda --scale=small --precisions=fp16 --slots=64 \
  --requests=1,8,16,32,64 --position=64
python3 "$root/tests/gpu/report.py" "$out"
