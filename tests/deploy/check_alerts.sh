#!/usr/bin/env bash
# Tests the alerts and the scrape configuration with Prometheus' own tool, and that each alert has a test in which it
# fires and one in which it doesn't.
#   check_alerts.sh PROMTOOL
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
promtool=$1
rules=../../deploy/prometheus/alerts.yaml
"$promtool" check rules "$rules"
"$promtool" check config ../../deploy/prometheus/prometheus.yaml
# Debian's promtool knows no discovery in Kubernetes: targets from a file take its place, and the rest is checked.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed '/kubernetes_sd_configs:/,/relabel_configs:/{/kubernetes_sd_configs:/s/.*/    file_sd_configs: [{files: [targets.yaml]}]/;t;/relabel_configs:/!d}' \
  ../../deploy/prometheus/prometheus_kubernetes.yaml >"$work/prometheus.yaml"
cp "$rules" "$work/alerts.yaml"
echo '[]' >"$work/targets.yaml"
"$promtool" check config "$work/prometheus.yaml"
"$promtool" test rules alerts_test.yaml
fires=$(awk '/alertname:/ {name = $NF} /exp_alerts:/ {print name}' alerts_test.yaml)
quiet=$(sed -n '/&quiet/,/promql/s/.*alertname: *\([A-Za-z]*\)}$/\1/p' alerts_test.yaml)
for alert in $(sed -n 's/^ *- alert: *//p' "$rules"); do
  grep -qx "$alert" <<<"$fires" || { echo "no test in which $alert fires"; exit 1; }
  grep -qx "$alert" <<<"$quiet" || { echo "no test in which $alert is quiet"; exit 1; }
done
