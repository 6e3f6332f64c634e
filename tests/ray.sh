#!/usr/bin/env bash
# Tests deploy/curate/ray_curate.py on a Ray cluster of this machine: two nodes, a worker and a node are killed, and the result has the
# bytes of one machine. Ray (about 70 MB from PyPI) goes into build/ray_venv. Nothing is left running.
#
#   tests/ray.sh [BUILD]     default: build/release, with vidmuse_curate, vidmuse_video_decoder, vidmuse_train and tests/vidmuse_make_extractors
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${1:-build/release}")
version=2.60.0
venv=build/ray_venv

if ! "$venv/bin/python" -c "import ray; assert ray.__version__ == '$version'" 2>/dev/null; then
  echo "ray: installing ray $version in $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "ray==$version"
fi

tests/tools.sh
files=(deploy/curate/ray_curate.py tests/e2e/ray_curate_test.py)
config=client/python/pyproject.toml
.deps/tools/bin/ruff check --quiet --no-cache --config "$config" "${files[@]}"
.deps/tools/bin/ruff format --quiet --no-cache --config "$config" --check "${files[@]}"
MYPYPATH=tests/e2e .deps/tools/bin/mypy --config-file "$config" --cache-dir build/ray_mypy --no-error-summary \
  --python-executable "$venv/bin/python" "${files[@]}"

export RAY_USAGE_STATS_ENABLED=0 PYTHONDONTWRITEBYTECODE=1
unset RAY_ADDRESS
timeout 600 "$venv/bin/python" tests/e2e/ray_curate_test.py "$build"
echo "ray: passed"
