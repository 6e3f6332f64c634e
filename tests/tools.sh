#!/usr/bin/env bash
# Installs the PyPI tools of tests/requirements.txt under .deps/tools, unless they are there, and puts what the
# Python client's test installs into an environment of its own under .deps/tools/wheels. On Debian it installs
# Chromium too; Ubuntu has it as a snap alone, which doesn't run in containers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .deps
exec 9>.deps/tools.lock
flock 9
if [ "$(. /etc/os-release && echo "$ID")" = debian ] && ! command -v chromium >/dev/null; then
  echo "tools: installing chromium"
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
stamp=.deps/tools/requirements.txt
if ! cmp -s tests/requirements.txt "$stamp"; then
  echo "tools: installing tests/requirements.txt under .deps/tools"
  rm -rf .deps/tools
  /usr/bin/python3 -m venv .deps/tools
  .deps/tools/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
  # Constraints name no extras.
  sed 's/\[[^]]*\]//' tests/requirements.txt >.deps/tools/constraints.txt
  .deps/tools/bin/python -m pip download --quiet --disable-pip-version-check --only-binary :all: \
    -d .deps/tools/wheels -c .deps/tools/constraints.txt grpcio protobuf av pytest c2pa-python cryptography
  cp tests/requirements.txt "$stamp"
fi
