#!/usr/bin/env bash
# Installs what building and testing need, as far as it is missing. Quiet and quick where nothing is.
#
#   scripts/setup.sh [build|demo|docs|test]     what for; default: test
#
# Debian packages only as root; without, it says what to install. KUKRI_NO_APT=1 leaves packages alone.
source "$(dirname "$0")/common.sh"

purpose="${1:-test}"
needed=(cc:gcc cc:libc6-dev musl-gcc:musl-tools)
images=(docker-registry:docker-registry mmdebstrap:mmdebstrap)
case "$purpose" in
  docs) needed=() ;;
  demo-images) needed+=("${images[@]}") ;;
  test) needed+=("${images[@]}" busybox:busybox-static) ;;
esac
# Other runtimes and image tools that tests use where they are there.
wanted=()
[[ "$purpose" == test ]] && wanted=(crun:crun runc:runc skopeo:skopeo newuidmap:uidmap git:git rg:ripgrep chromium:chromium
  chromedriver:chromium-driver zsh:zsh fish:fish man:man-db groff:groff-base)

# Debian packages for those of `command:package` that are not there.
packages() {
  local entry
  for entry in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${entry%%:*}" >/dev/null || echo "${entry##*:}"
  done
}
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >/dev/null; }

mapfile -t missing < <(packages ${needed[@]+"${needed[@]}"})
mapfile -t optional < <(packages ${wanted[@]+"${wanted[@]}"})
"$PYTHON" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]} + ${#optional[@]})); then
  if [[ "$(id -u)" == 0 && -z "${KUKRI_NO_APT:-}" ]] && command -v apt-get >/dev/null; then
    say "Debian packages: ${missing[*]} ${optional[*]}"
    apt_get update
    if ((${#missing[@]})); then apt_get install -y --no-install-recommends "${missing[@]}"; fi
    for package in ${optional[@]+"${optional[@]}"}; do
      apt_get install -y --no-install-recommends "$package" || echo "note: no package $package; tests that want it are skipped"
    done
  elif ((${#missing[@]})); then
    printf 'note: missing here; as root: apt-get install %s\n' "${missing[*]}" >&2
  fi
fi

tools=("$PYTHON")
[[ "$purpose" == docs ]] || tools+=(cargo)
for tool in "${tools[@]}"; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed"

if [[ "$purpose" != docs && ! -d "$(rustc --print sysroot)/lib/rustlib/$MUSL_TARGET" ]]; then
  command -v rustup >/dev/null || fail "Rust has no target $MUSL_TARGET, and there is no rustup to add it"
  say "Rust target $MUSL_TARGET"
  rustup --quiet target add "$MUSL_TARGET"
fi

# An environment is made anew when its requirements change or its Python is gone.
environment() {
  local directory="$1" requirements="$2" stamp
  stamp="$("$PYTHON" -VV | cat - "$requirements" | sha256sum)"
  if [[ ! -x "$directory/bin/python" || "$(cat "$directory/.stamp" 2>/dev/null)" != "$stamp" ]]; then
    say "Python environment $(basename "$directory")"
    rm -rf "$directory"
    "$PYTHON" -m venv "$directory"
    "$directory/bin/pip" install --quiet --requirement "$requirements"
    echo "$stamp" >"$directory/.stamp"
  fi
}
(
  # Two runs at the same time share what is here.
  if command -v flock >/dev/null; then flock 9; fi
  # Mostly waiting for packages: all at the same time.
  jobs=()
  if [[ "$purpose" != docs ]]; then
    environment "$DEV" scripts/requirements-dev.txt &
    jobs+=($!)
  fi
  if [[ "$purpose" =~ ^(docs|test)$ ]]; then
    # The oldest Python that Sphinx takes is newer than ours.
    if "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      environment "$DOCS" scripts/requirements-docs.txt &
      jobs+=($!)
    else
      echo "note: the documentation site needs Python 3.11; its tests are skipped" >&2
    fi
  fi
  if [[ "$purpose" == test ]]; then
    environment "$OFFICIAL" scripts/requirements-official.txt &
    jobs+=($!)
    # Packages of the official clients for Node, Go and Rust, and Go itself where there is none.
    "$PYTHON" tests/clients/toolchains.py &
    jobs+=($!)
  fi
  for job in ${jobs[@]+"${jobs[@]}"}; do wait "$job"; done
) 9>"$CACHE/.setup-lock"
