#!/usr/bin/env bash
# End-to-end tests with the wheel in .venv: over HTTP, with our SDK, and with the official client. Arguments go to pytest.
source "$(dirname "$0")/common.sh"
[[ -x "$VENV/bin/kukri" ]] || fail "no wheel is installed in .venv: run scripts/wheel.sh"
export KUKRI_VENV_PYTHON="$VENV/bin/python" KUKRI_OFFICIAL_PYTHON="$OFFICIAL/bin/python"

# Status 5: the arguments choose no test of this part. They must choose some of one.
status=5
part() {
  local code=0
  say "End to end: $1"
  "${@:2}" || code=$?
  if [[ $code != 5 && $status == [05] ]]; then status=$code; fi
}

# pytest itself is that of the development environment; `dagger` comes from the wheel.
site="$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
own=(env PYTHONPATH="$site" "$DEV/bin/python" -m pytest tests/e2e)
part "over HTTP, with our SDK, and the example" "${own[@]}" "${PARALLEL[@]}" -m "not alone" "$@"
part "what measures time or takes all of it, with nothing beside it" "${own[@]}" -m alone "$@"
part "with the official client" "$OFFICIAL/bin/python" -m pytest tests/e2e/sdk "$@"
exit "$status"
