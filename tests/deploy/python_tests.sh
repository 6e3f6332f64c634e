#!/usr/bin/env bash
# Tests files of deploy/ and docker/ by programs that read them in service, with the tools of tests/requirements.txt.
#
#   python_tests.sh SOURCE_DIR BUILD_DIR PROMTOOL TEST.py...
set -euo pipefail
source=$1 build=$2 promtool=$3
shift 3
"$source/tests/tools.sh"
bin=$source/.deps/tools/bin
here=$source/tests/deploy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VIDMUSE_BIN_DIR=$build PROMTOOL=$promtool PYTHONDONTWRITEBYTECODE=1 TMPDIR=$work
export PYTHONPATH=$source/tests/e2e MYPYPATH=$source/tests/e2e
unset VIDMUSE_API_KEY
config=$source/client/python/pyproject.toml
"$bin/ruff" check --quiet --no-cache --config "$config" "$here" "$source/deploy"
"$bin/ruff" format --quiet --no-cache --config "$config" --check "$here" "$source/deploy"
(cd "$here" && "$bin/mypy" --config-file "$config" --cache-dir "$work/mypy" --no-error-summary "$@")
cd "$here"
"$bin/python" -m pytest -q -p no:cacheprovider --basetemp "$work/pytest" "$@"
