#!/usr/bin/env bash
# Sets up, builds everything, runs every test. Arguments go to ctest: tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deploy/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release
exec ctest --preset release --parallel "$(nproc)" "$@"
