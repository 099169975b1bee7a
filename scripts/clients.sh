#!/usr/bin/env bash
# The same scenarios with the official clients of four languages, unmodified, and with our SDK from the wheel in .venv.
# Arguments go to tests/clients/run.py.
source "$(dirname "$0")/common.sh"
[[ -x "$VENV/bin/kukri" ]] || fail "no wheel is installed in .venv: run scripts/wheel.sh"
export KUKRI_VENV_PYTHON="$VENV/bin/python" KUKRI_OFFICIAL_PYTHON="$OFFICIAL/bin/python"
exec "$DEV/bin/python" tests/clients "$@"
