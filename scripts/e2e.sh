#!/usr/bin/env bash
# End-to-end tests with the wheel in .venv: over HTTP, with our SDK, and with the official client. Arguments go to pytest.
source "$(dirname "$0")/common.sh"
[[ -x "$VENV/bin/kukri" ]] || fail "no wheel is installed in .venv: run scripts/wheel.sh"
export KUKRI_VENV_PYTHON="$VENV/bin/python" KUKRI_OFFICIAL_PYTHON="$OFFICIAL/bin/python"

status=0
say "End to end: over HTTP, with our SDK, and the example"
# pytest itself is that of the development environment; `dagger` comes from the wheel.
site="$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
PYTHONPATH="$site" "$DEV/bin/python" -m pytest tests/e2e "$@" || status=$?
say "End to end: with the official client"
"$OFFICIAL/bin/python" -m pytest tests/e2e/sdk "$@" || { code=$?; [[ $code == 5 ]] || status=$code; }
exit "$status"
