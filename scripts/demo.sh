#!/usr/bin/env bash
# The demonstration: a pipeline checks and builds a real Python library in containers, three times.
#
#   scripts/demo.sh            all of it; DEMO_PROJECT=click takes another library
#
# What is downloaded or made stays in ~/.cache/kukri-demo (and ~/.cache/kukri-build); results are in ./out.
source "$(dirname "$0")/common.sh"
scripts/wheel.sh build

STATE="$(dirname "$CACHE")/kukri-demo"
mkdir -p "$STATE"

# What each library calls its checks. Versions are fixed so that new releases do not change what is shown.
case "${DEMO_PROJECT:-attrs}" in
  attrs)
    release=attrs==26.1.0
    flags=(--import-name attr --tools "ruff==0.15.6 mypy pytest-cov"
      --types "mypy src/attrs/__init__.pyi src/attr/__init__.pyi src/attr/validators.pyi typing-examples"
      # Fails with the Python of Debian 12, in the library's own environment just as here.
      --tests "python -m pytest -q -n auto --deselect tests/test_converters.py::TestPipe::test_wrapped_annotation")
    ;;
  click)
    release=click==8.5.1
    # Tests of pagers need `less`, which slim images do not have.
    flags=(--import-name click
      --tests "python -m pytest -q --ignore tests/test_utils/test_echo_via_pager.py")
    ;;
  *) fail "DEMO_PROJECT: attrs or click" ;;
esac
project="${release%%==*}"

if [[ ! -d "$STATE/$release" ]]; then
  say "Source of $release from PyPI"
  scratch="$(mktemp -d "$STATE/.download-XXXXXX")"
  "$DEV/bin/pip" download --quiet --no-deps --no-binary "$project" --dest "$scratch" "$release"
  mkdir "$scratch/tree"
  tar -xf "$scratch"/*.tar.gz -C "$scratch/tree" --strip-components=1
  mv "$scratch/tree" "$STATE/$release"
  rm -rf "$scratch"
fi
rm -rf "$STATE/work"
cp -a "$STATE/$release" "$STATE/work"

# Without Docker Hub: images made of Debian packages, behind a mirror on loopback, as a company would have it.
registry=""
if "$PYTHON" - <<'PROBE'; then
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=5)
except urllib.error.HTTPError as answer:
    sys.exit(answer.code != 401 or "docker-distribution-api-version" not in {k.lower() for k in answer.headers})
except OSError:
    sys.exit(1)
PROBE
  say "Images come from docker.io"
else
  say "No way to docker.io: images are made from Debian packages (about a minute, the first time)"
  scripts/setup.sh demo-images
  rm -f "$STATE/port"
  mkfifo "$STATE/.stop-$$"
  "$PYTHON" scripts/registry.py --data "$STATE/registry" --port-file "$STATE/port" \
    --port "$(cat "$STATE/last-port" 2>/dev/null || echo 0)" --cache "$KUKRI_IMAGE_CACHE" \
    library/python:3-slim=python library/debian:bookworm-slim=debian <"$STATE/.stop-$$" &
  registry=$!
  exec 8>"$STATE/.stop-$$"
  rm "$STATE/.stop-$$"
  until [[ -s "$STATE/port" ]]; do
    kill -0 "$registry" 2>/dev/null || fail "the registry did not start; see $STATE/registry/registry.log"
    sleep 0.1
  done
  cp "$STATE/port" "$STATE/last-port"
  export KUKRI_REGISTRY_MIRRORS="docker.io=http://127.0.0.1:$(cat "$STATE/port")"
fi
export KUKRI_ROOT="$STATE/engine" KUKRI_IDLE_TIMEOUT="${KUKRI_IDLE_TIMEOUT:-1m}"
finish() {
  "$VENV/bin/kukri" engine stop >/dev/null 2>&1 || true
  if [[ -n "$registry" ]]; then
    exec 8>&-
    kill "$registry" 2>/dev/null || true
    wait "$registry" 2>/dev/null || true
  fi
}
trap finish EXIT
# An engine of an earlier demonstration may know another mirror.
"$VENV/bin/kukri" engine stop >/dev/null 2>&1 || true

rm -rf out

run() {
  local started="$EPOCHREALTIME" status=0
  "$VENV/bin/python" examples/library_ci.py "$STATE/work" --out "$ROOT/out" "${flags[@]}" || status=$?
  awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "whole process: %.2f s\n", b - a }'
  return $status
}

say "1. $release: checks and builds it for the first time"
run
say "2. The same again: nothing has changed"
run
changed="$(cd "$STATE/work" && ls tests/test_*.py | head -1)"
say "3. One file changed: $changed"
echo "# changed $(date +%s%N)" >>"$STATE/work/$changed"
run
say "Results in ./out"
(cd out && find . -type f | sort | xargs ls -l --time-style=+ | awk '{ print $NF, $5 }' | column -t)
