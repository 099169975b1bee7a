#!/usr/bin/env bash
# The SDK's tests with every other supported Python that is on this machine, on PATH or from pyenv; with those that are
# not, and with PyPy, in containers (other_pythons.py); and the package as pyright sees it in each version. Arguments go
# to pytest.
source "$(dirname "$0")/common.sh"
status=0

# An interpreter of a version, unless there is none.
interpreter() {
  local candidate
  for candidate in "$(command -v "python$1")" "$HOME"/.pyenv/versions/"$1".*/bin/python; do
    [[ -x "$candidate" && "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" == "$1" ]] || continue
    echo "$candidate"
    return
  done
}

requirements="$(mktemp)"
trap 'rm -f "$requirements"' EXIT
grep -E '^(anyio|pytest|pytest-timeout|trio)==' scripts/requirements-dev.txt >"$requirements"
elsewhere=()
own="$("$DEV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
for version in 3.10 3.11 3.12 3.13 3.14; do
  PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$DEV/bin/pyright" --pythonversion "$version" python/dagger >"$CACHE/.pyright" 2>&1 || {
    status=1
    cat "$CACHE/.pyright"
  }
  [[ "$version" != "$own" ]] || continue
  python="$(interpreter "$version")"
  if [[ -z "$python" ]]; then
    elsewhere+=("$version")
    continue
  fi
  say "Python $version"
  environment="$CACHE/venv-$version"
  stamp="$("$python" -VV | cat - "$requirements" | sha256sum)"
  if [[ "$(cat "$environment/.stamp" 2>/dev/null)" != "$stamp" ]]; then
    rm -rf "$environment"
    "$python" -m venv "$environment"
    "$environment/bin/pip" install --quiet --requirement "$requirements"
    echo "$stamp" >"$environment/.stamp"
  fi
  "$environment/bin/python" -m pytest python/tests -q -p no:cacheprovider "$@" || status=1
done
if [[ -x "$VENV/bin/kukri" ]]; then
  say "In containers: ${elsewhere[*]} pypy"
  packages="$CACHE/other-pythons"
  stamp="$("$DEV/bin/python" -VV | cat - "$requirements" | sha256sum)"
  if [[ "$(cat "$CACHE/.other-pythons-stamp" 2>/dev/null)" != "$stamp" ]]; then
    rm -rf "$packages"
    "$DEV/bin/pip" install --quiet --no-compile --target "$packages" --requirement "$requirements"
    echo "$stamp" >"$CACHE/.other-pythons-stamp"
  fi
  "$VENV/bin/python" scripts/other_pythons.py "$packages" "${elsewhere[@]}" pypy -- "$@" || status=1
else
  echo "note: no tests with ${elsewhere[*]} pypy: they run in containers, for which no wheel is installed in .venv (scripts/wheel.sh)"
fi
exit "$status"
