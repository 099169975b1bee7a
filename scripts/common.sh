# Shared by the scripts beside it; sourced, not run. Says where things are.
# shellcheck shell=bash
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

# Builds, virtual environments and images outlive a clone where there is a place for that; nothing depends on it.
CACHE="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/kukri-build"
if ! mkdir -p "$CACHE" 2>/dev/null || [[ ! -w "$CACHE" ]]; then
  CACHE="$ROOT/target/cache"
  mkdir -p "$CACHE"
fi
export KUKRI_IMAGE_CACHE="$CACHE/images"
export CARGO_TARGET_DIR="${KUKRI_TARGET_DIR:-${CARGO_TARGET_DIR:-$CACHE/target}}"

case "$(uname -m)" in
  aarch64 | arm64) MUSL_TARGET=aarch64-unknown-linux-musl ;;
  *) MUSL_TARGET=x86_64-unknown-linux-musl ;;
esac
PYTHON="${PYTHON:-python3}"
DEV="$CACHE/venv-dev"           # tools: maturin, ruff, mypy, pyright, pytest
OFFICIAL="$CACHE/venv-official" # the official client of the same API, to try the engine with
DOCS="$CACHE/venv-docs"         # Sphinx, for the documentation site
VENV="$ROOT/.venv"              # our own wheel
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

# Tests of whole programs wait more than they work: pytest runs two files of them for each processor at the same time.
workers=$((2 * $(nproc)))
PARALLEL=(--numprocesses "$((workers < 8 ? workers : 8))" --dist loadfile --no-loadscope-reorder)

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
