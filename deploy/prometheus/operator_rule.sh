#!/usr/bin/env bash
# Writes alerts.yaml in the form of the Prometheus operator: deploy/kubernetes/components/monitoring/prometheusrule.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
{
  cat <<'HEAD'
# Made by deploy/prometheus/operator_rule.sh from alerts.yaml: change that, and run it again.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vidmuse
  labels:
    app.kubernetes.io/part-of: vidmuse
spec:
HEAD
  sed -e '/^#/d' -e 's/^./  &/' alerts.yaml
} >"${1:-../kubernetes/components/monitoring/prometheusrule.yaml}"
