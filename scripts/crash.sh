#!/usr/bin/env bash
# Kills the engine at random moments and looks at what it keeps: KILLS=20 times.
source "$(dirname "$0")/common.sh"
[[ -x "$VENV/bin/kukri" ]] || fail "no wheel is installed in .venv: run scripts/wheel.sh"
exec "$DEV/bin/python" tests/crash --kills "${KILLS:-20}" "$@"
