#!/usr/bin/env bash
# Files that are compiled for an instruction set must not define what the linker may take for others:
# it would run on machines that lack the instructions.
#
#   kernel_symbols_test.sh OBJECT...
set -euo pipefail
checked=0
bad=0
for object in "$@"; do
  case "$(basename "$object")" in
    amx.cc.* | avx2.cc.* | avx512.cc.* | avx512vnni.cc.* | base.cc.*) ;;
    *) continue ;;
  esac
  checked=$((checked + 1))
  # Weak and unique symbols, but for the compiler's own reference to its exception handler.
  if nm --defined-only "$object" | grep -E ' [WVu] ' | grep -v ' DW[.]ref[.]'; then
    echo "$object: these could be picked for machines that lack its instructions" >&2
    bad=1
  fi
done
((checked >= 5)) || { echo "expected the objects of 5 instruction sets, got $checked" >&2; exit 1; }
exit "$bad"
