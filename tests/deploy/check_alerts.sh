#!/usr/bin/env bash
# Tests the alerts with Prometheus' own tool, and that each of them has a test in which it fires.
#   check_alerts.sh PROMTOOL
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
promtool=$1
rules=../../deploy/prometheus/alerts.yaml
"$promtool" check rules "$rules"
"$promtool" test rules alerts_test.yaml
fires=$(awk '/alertname:/ {name = $NF} /exp_alerts:/ {print name}' alerts_test.yaml)
for alert in $(sed -n 's/^ *- alert: *//p' "$rules"); do
  grep -qx "$alert" <<<"$fires" || { echo "no test in which $alert fires"; exit 1; }
done
