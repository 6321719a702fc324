#!/usr/bin/env bash
# Runs gpu_acceptance.py (which says what it does and its options) on a machine with torch and without a network:
#
#     python benchmarks/gpu_wheels.py wheels                             here, with the network: what that machine lacks
#     benchmarks/gpu_acceptance.sh --wheels wheels --out results         there
#
# Packages go into a directory of their own and not into a virtual environment: one that is made from another virtual
# environment would not see its torch. PYTHON names the interpreter; python3 by default.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
site=
if [[ ${1-} == --wheels ]]; then
  [[ -d ${2-} ]] || { echo "--wheels: ${2-nothing} is no directory; benchmarks/gpu_wheels.py makes one" >&2; exit 2; }
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$site" "$2"/*.whl
  shift 2
fi
export PYTHONPATH="$root/src${site:+:$site}${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
code=0
"$python" "$root/benchmarks/gpu_acceptance.py" "$@" || code=$?
exit "$code"
