#!/usr/bin/env bash
# Sets up, builds everything and runs every test, before that the most exposed parts under sanitizers
# (all of them: cmake --workflow --preset asan, and tsan).
# With arguments, which go to ctest, only the tests that they choose: tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Builds tests under a sanitizer's preset and runs them.
sanitized() {  # preset, tests...
  local preset=$1; shift
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" --target "$@"
  local IFS='|'
  ctest --preset "$preset" --parallel "$(nproc)" --no-tests=error -R "^($*)\$"
}

deploy/setup.sh
tests/tools.sh
cmake --preset release >/dev/null
cmake --build --preset release
if (($# == 0)); then
  tests/tidy.py
  # What reads bytes from outside, up to the whole server.
  sanitized asan {torch_file,safetensors,model_config,video,tokens_file,request,options}_fuzzer \
    {pickle,torch_file,legacy_torch_file,safetensors,model_config}_test {frame_sampler,video_limits}_test audio_encoder_test \
    {scheduler,generator}_test server_{convert,options,generate,security}_test cli_parts_test \
    {codec,logits,video_frames}_golden_test {golden,errors}_e2e_test
  # Where threads meet, up to the whole server: songs, clients that leave, drain.
  sanitized tsan {mutex,thread_team,scheduler,generator,device_set,music_client,telemetry}_test \
    server_{generate,lifecycle,liveness,security}_test {golden,service,cancel}_e2e_test
fi
# One test more than there are cores, since many wait for other processes.
exec ctest --preset release --parallel "$(($(nproc) + 1))" "$@"
