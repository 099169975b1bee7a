#!/usr/bin/env bash
# Builds the wheel (the static binary and the Python package) into dist/ and installs it into .venv.
source "$(dirname "$0")/common.sh"
scripts/setup.sh "${1:-build}"

say "Wheel ($MUSL_TARGET, release)"
rm -rf dist
"$DEV/bin/maturin" build --quiet --release --locked --target "$MUSL_TARGET" --out dist
wheel=(dist/*.whl)
[[ -f "${wheel[0]}" ]] || fail "no wheel was made"

if [[ ! -x "$VENV/bin/python" ]]; then
  "$PYTHON" -m venv --without-pip "$VENV"
fi
"$DEV/bin/pip" --python "$VENV/bin/python" install --quiet --force-reinstall "${wheel[0]}"
echo "${wheel[0]} ($(($(stat -c %s "${wheel[0]}") / 1000)) kB), installed in ${VENV#"$ROOT/"}"
