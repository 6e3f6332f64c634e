#!/usr/bin/env bash
# Checks the API's definition: buf's rules, comments included, and that it breaks nothing that the version
# before it promised (in git: the last commit that changed it, or HEAD where it is being changed).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tests/tools.sh
buf=.deps/tools/bin/buf
api=proto/vidmuse

"$buf" lint proto
if ! git rev-parse --verify --quiet HEAD >/dev/null; then
  echo "api_lint: no git history here, so nothing to compare with"
  exit 0
fi
before=HEAD
if git diff --quiet HEAD -- "$api"; then
  before=$(git log -2 --format=%H -- "$api" | tail -n 1)
fi
"$buf" breaking proto --against "$(git rev-parse --git-common-dir)#ref=$before,subdir=proto"
echo "api_lint: breaks nothing of $before"
