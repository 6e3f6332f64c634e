#!/usr/bin/env bash
# Checks the Python client: its style and types; that the clone and the source distribution give the same wheel; that
# the wheel works in a clean environment with its own dependencies alone; and then its tests, with the extras `mux` and `c2pa`.
#
#   python_client_test.sh SOURCE_DIR BUILD_DIR [PYTEST_ARGUMENT...]
set -euo pipefail
source=$1 build=$2
shift 2
"$source/tests/tools.sh"
tools=$source/.deps/tools
bin=$tools/bin
package=$source/client/python
work=$(mktemp -d)
types=
trap '[ -z "$types" ] || kill "$types" 2>/dev/null || true; rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 TMPDIR=$work
unset PYTHONPATH VIDMUSE_API_KEY

"$bin/ruff" check --quiet --no-cache "$package"
"$bin/ruff" format --quiet --no-cache --check "$package"

build_wheel() {  # folder, what to build
  "$bin/pip" wheel --quiet --no-deps --no-index --no-build-isolation -w "$1" "$2"
}
build_wheel "$work/clone" "$package"
(cd "$package" && "$bin/python" -m hatchling build -t sdist -d "$work/sdist" >/dev/null)
build_wheel "$work/again" "$work"/sdist/vidmuse_client-*.tar.gz
wheel=$(echo "$work"/clone/vidmuse_client-*.whl)
cmp "$wheel" "$work"/again/vidmuse_client-*.whl
version=$(sed -n 's/^project(vidmuse VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
[[ $wheel == */vidmuse_client-$version-* ]] || { echo "$wheel is not of version $version"; exit 1; }

# The types, in the wheel's own form: the messages' stub is made when it is built. Meanwhile the rest goes on.
"$bin/python" -m zipfile -e "$wheel" "$work/unpacked"
MYPYPATH=$work/unpacked:$package/tests "$bin/mypy" --config-file "$package/pyproject.toml" --cache-dir "$work/mypy" \
  "$work/unpacked/vidmuse" "$package/tests" "$package/examples" "$package/build_hook.py" &
types=$!

/usr/bin/python3 -m venv --without-pip "$work/clean"
install() {
  "$bin/pip" --python "$work/clean/bin/python" install --quiet --no-compile --no-index --find-links "$tools/wheels" "$@"
}
install "$wheel"
"$work/clean/bin/python" -W error -c 'import vidmuse; vidmuse.Client().close()'
install "$wheel[mux,c2pa]" cryptography pytest
VIDMUSE_BIN_DIR=$build "$work/clean/bin/python" -m pytest -q -p no:cacheprovider --basetemp "$work/pytest" \
  "$package/tests" "$@"
wait "$types"
types=
