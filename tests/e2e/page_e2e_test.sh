#!/usr/bin/env bash
# Tests the gateway's page in a real Chromium, with real servers.
#
#   page_e2e_test.sh SOURCE_DIR BUILD_DIR [PYTEST_ARGUMENT...]
#   page_e2e_test.sh SOURCE_DIR BUILD_DIR --screenshot FILE   writes a picture of the page instead
set -euo pipefail
source=$1 build=$2
shift 2
"$source/tests/tools.sh"
bin=$source/.deps/tools/bin
tests=$source/tests/e2e/page
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CHROMIUM=$(command -v chromium || command -v google-chrome)
export CHROMIUM VIDMUSE_BIN_DIR=$build PYTHONDONTWRITEBYTECODE=1 TMPDIR=$work
unset PYTHONPATH VIDMUSE_API_KEY
if [ "${1:-}" = --screenshot ]; then
  "$bin/python" "$tests/screenshot.py" "$2"
  exit
fi

config=$source/client/python/pyproject.toml
"$bin/ruff" check --quiet --no-cache --config "$config" "$tests"
"$bin/ruff" format --quiet --no-cache --config "$config" --check "$tests"
(cd "$tests" && "$bin/mypy" --config-file "$config" --cache-dir "$work/mypy" --no-error-summary .)
"$bin/python" -m pytest -q -p no:cacheprovider --basetemp "$work/pytest" "$tests" "$@"
