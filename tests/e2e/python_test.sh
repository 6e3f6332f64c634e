#!/usr/bin/env bash
# Runs a test that is written in Python, with the tools of tests/requirements.txt.
#
#   python_test.sh TEST.py ARGUMENT...
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
"$here/../tools.sh"
tools=$here/../../.deps/tools/bin
files=("$here/programs.py" "$here/${1%_test.py}"*.py)
style=(--quiet --no-cache --config "$here/../../client/python/pyproject.toml")
"$tools/ruff" check "${style[@]}" "${files[@]}"
"$tools/ruff" format "${style[@]}" --check "${files[@]}"
PYTHONDONTWRITEBYTECODE=1 exec "$tools/python" "$here/$1" "${@:2}"
