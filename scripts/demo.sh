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

library="${DEMO_PROJECT:-attrs}"
# Not in a subshell of a redirection: an error has to end this script.
lines="$("$DEV/bin/python" scripts/projects.py "$library" "$STATE")" || fail "no source of $library"
mapfile -t flags <<<"$lines"
release="${flags[0]}" source="${flags[1]}"
flags=("${flags[@]:2}")
rm -rf "$STATE/work"
cp -a "$source" "$STATE/work"

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

# A program that opens its session by itself gets plain lines, as others may write to its terminal; this one is silent
# until its session is over.
if [[ -t 2 && "${TERM:-dumb}" != dumb ]]; then export KUKRI_PROGRESS="${KUKRI_PROGRESS:-tty}"; fi

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
(cd out && find . -type f -printf '%-50P %s\n' | sort)
