#!/usr/bin/env bash
# The SDK's tests with every other supported Python that is on this machine, on PATH or from pyenv; with those that are
# not, and with PyPy, in containers (other_pythons.py); and the package as pyright sees it in each version. All at the
# same time, since tests wait more than they work. Arguments go to pytest.
source "$(dirname "$0")/common.sh"

# An interpreter of a version, unless there is none.
interpreter() {
  local candidate
  for candidate in "$(command -v "python$1")" "$HOME"/.pyenv/versions/"$1".*/bin/python; do
    [[ -x "$candidate" && "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" == "$1" ]] || continue
    echo "$candidate"
    return
  done
}

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
requirements="$scratch/requirements"
grep -E '^(anyio|pytest|pytest-timeout|trio)==' scripts/requirements-dev.txt >"$requirements"
versions=(3.10 3.11 3.12 3.13 3.14)

types() {
  local version status=0
  for version in "${versions[@]}"; do
    PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$DEV/bin/pyright" --pythonversion "$version" python/dagger >"$scratch/pyright" 2>&1 || {
      status=1
      cat "$scratch/pyright"
    }
  done
  return "$status"
}

# Tests with an interpreter of this machine.
here() {
  local version="$1" python="$2" environment="$CACHE/venv-$1" stamp
  shift 2
  say "Python $version"
  stamp="$("$python" -VV | cat - "$requirements" | sha256sum)"
  if [[ "$(cat "$environment/.stamp" 2>/dev/null)" != "$stamp" ]]; then
    rm -rf "$environment"
    "$python" -m venv "$environment" && "$environment/bin/pip" install --quiet --requirement "$requirements" || return
    echo "$stamp" >"$environment/.stamp"
  fi
  "$environment/bin/python" -m pytest python/tests -q -p no:cacheprovider "$@"
}

# Tests with the others.
elsewhere() {
  local packages="$CACHE/other-pythons" stamp
  if [[ ! -x "$VENV/bin/kukri" ]]; then
    echo "note: no tests with ${absent[*]} pypy: they run in containers, for which no wheel is installed in .venv (scripts/wheel.sh)"
    return
  fi
  say "In containers: ${absent[*]} pypy"
  stamp="$("$DEV/bin/python" -VV | cat - "$requirements" | sha256sum)"
  if [[ "$(cat "$CACHE/.other-pythons-stamp" 2>/dev/null)" != "$stamp" ]]; then
    rm -rf "$packages"
    "$DEV/bin/pip" install --quiet --no-compile --target "$packages" --requirement "$requirements" || return
    echo "$stamp" >"$CACHE/.other-pythons-stamp"
  fi
  "$VENV/bin/python" scripts/other_pythons.py "$packages" "${absent[@]}" pypy -- "$@"
}

jobs=() said=() absent=()
beside() {
  said+=("$scratch/${#jobs[@]}")
  "$@" >"$scratch/${#jobs[@]}" 2>&1 &
  jobs+=($!)
}
own="$("$DEV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
beside types
for version in "${versions[@]}"; do
  [[ "$version" != "$own" ]] || continue
  python="$(interpreter "$version")"
  if [[ -n "$python" ]]; then beside here "$version" "$python" "$@"; else absent+=("$version"); fi
done
beside elsewhere "$@"
status=0
for number in "${!jobs[@]}"; do
  wait "${jobs[$number]}" || status=1
  cat "${said[$number]}"
done
exit "$status"
