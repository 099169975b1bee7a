#!/usr/bin/env bash
# Sets everything up and runs every check and every test; prints counts at the end. ONLY="lint rust" runs some stages.
source "$(dirname "$0")/common.sh"

LOGS="$(mktemp -d)"
names=() times=() results=()
failed=0
# Process groups of what runs, by the name of its stage.
declare -A begun=()

# Whether a process of these groups is there after so many tenths of a second.
remain() {
  local tenths="$1" group
  while ((tenths-- > 0)); do
    for group in ${begun[@]+"${begun[@]}"}; do
      if kill -0 -- "-$group" 2>/dev/null; then
        sleep 0.1
        continue 2
      fi
    done
    return 1
  done
}

# Ends what still runs. First as Ctrl-C does, so that tests stop the engines that they have started; the shell of the stage, which
# would go on with its next command, ends by another signal. What then still goes on has to end as well.
leave() {
  local signal group
  for signal in INT TERM KILL; do
    for group in ${begun[@]+"${begun[@]}"}; do
      kill -s TERM "$group" 2>/dev/null || true
      kill -s "$signal" -- "-$group" 2>/dev/null || true
    done
    remain 50 || break
  done
  rm -rf "$LOGS"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command and waits for it: bash acts on signals while it waits, but not while a command runs in its foreground, which
# may take minutes. It has a process group of its own, which can be ended as one.
front() {
  local status=0
  set -m
  "$@" </dev/null &
  set +m
  begun[front]=$!
  wait "${begun[front]}" || status=$?
  unset "begun[front]"
  return "$status"
}

# Some commands of a stage; a failing one does not hide what the others say.
all() {
  local command code=0
  for command in "$@"; do
    eval "$command" || {
      code=$?
      echo "failed ($code): $command"
    }
  done
  return "$code"
}

chosen() { [[ -z "${ONLY:-}" || " $ONLY " == *" $1 "* ]]; }

record() {
  names+=("$1") times+=("$3")
  if (($2)); then
    results+=("FAILED ($2)")
    failed=$((failed + 1))
  else
    results+=(ok)
  fi
}

shown() {
  local name="$1"
  shift
  "$@" 2>&1 | tee "$LOGS/$name.log" || return
}

# One stage: its output is shown, and kept for counting. A failing stage does not keep the others from running.
stage() {
  local name="$1" started="$SECONDS" status=0
  chosen "$name" || return 0
  shift
  say "$name"
  front shown "$name" "$@" || status=$?
  record "$name" "$status" "$((SECONDS - started))"
}

# The same in the background: what one stage waits for, or a compiler that has one thing left to do, leaves to others.
begin() {
  local name="$1" started="$SECONDS"
  chosen "$name" && [[ -z "${begun[$name]:-}" ]] || return 0
  shift
  # A process group of its own, which can be ended as one.
  set -m
  (
    status=0
    "$@" >"$LOGS/$name.log" 2>&1 </dev/null || status=$?
    echo "$status $((SECONDS - started))" >"$LOGS/$name.ended"
  ) &
  set +m
  begun[$name]=$!
}

# Waits for such a stage, and shows what it said.
finish() {
  local name="$1" status seconds
  [[ -n "${begun[$name]:-}" ]] || return 0
  wait "${begun[$name]}" || true
  unset "begun[$name]"
  say "$name"
  cat "$LOGS/$name.log"
  read -r status seconds <"$LOGS/$name.ended"
  record "$name" "$status" "$seconds"
}

# What the tests need of the debug build, and xtask.
build() { cargo test --workspace --locked --no-run --quiet; }

lint() {
  all 'cargo fmt --all --check' 'cargo fmt --manifest-path tests/clients/rust/Cargo.toml --check' \
    'cargo xtask tidy' 'cargo xtask codegen --check'
}

# Compiles everything once more, without making programs of it; gives way to whatever else runs.
clippy() {
  all 'nice -n 19 cargo clippy --workspace --all-targets --locked --quiet -- -D warnings' fuzz_targets
}

# A workspace of their own, with the versions of the main one. Only checked: to build them needs a nightly compiler.
fuzz_targets() {
  cp Cargo.lock fuzz/Cargo.lock
  CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a nice -n 19 cargo check --manifest-path fuzz/Cargo.toml \
    --target-dir "${CARGO_TARGET_DIR:-target}" --quiet
}

rust() {
  # Tests named privileged_* need root and say so where they are left out.
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --no-fail-fast --status-level slow --success-output final
  else
    # With their output: a test that cannot do its work here says "skipped" and why.
    cargo test --workspace --locked --no-fail-fast --quiet -- --show-output
  fi
}

wheel() {
  scripts/wheel.sh test && "$DEV/bin/python" scripts/check_wheel.py dist/*.whl && with_uv
}

# The wheel is installed by pip all the time; here by uv, into an environment of its own.
with_uv() {
  "$DEV/bin/uv" venv --quiet --python "$PYTHON" "$LOGS/uv" &&
    "$DEV/bin/uv" pip install --quiet --offline --no-index --python "$LOGS/uv/bin/python" dist/*.whl &&
    "$LOGS/uv/bin/python" -m dagger version
}

types() {
  all '"$DEV/bin/ruff" check .' '"$DEV/bin/ruff" format --check .' '"$DEV/bin/mypy"' \
    'PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$DEV/bin/pyright"'
}

python() {
  KUKRI_BIN="$VENV/bin/kukri" KUKRI_ROOT="$LOGS/engine" KUKRI_IDLE_TIMEOUT=1s "$DEV/bin/python" -m pytest python/tests
}

pythons() { scripts/pythons.sh; }
e2e() { scripts/e2e.sh -q; }
# Programs and terminals that pages show, the site with its links, "get started" in an empty environment, the examples.
documentation() {
  KUKRI_VENV_PYTHON="$VENV/bin/python" KUKRI_DOCS_PYTHON="$DOCS/bin/python" "$DEV/bin/python" -m pytest "${PARALLEL[@]}" tests/docs -q
}
# What they need was fetched by setup.sh: a client that is not there would be missed by nobody.
clients() { scripts/clients.sh --complete; }
crash() { scripts/crash.sh; }

# Images take minutes to make the first time, mostly waiting; a failure is told by the tests that need one.
images() {
  nice -n 19 "$DEV/bin/python" scripts/images.py busybox debian python python313 golang node rust python314 pypy || true
}

# Everything is built anew but for what is kept: to keep more, in order to build less after an edit, takes longer.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"

# In the order in which others wait for them; what nobody waits for is done beside tests, which wait more than they work.
# Nothing that is installed is needed to compile, if there is a compiler.
if command -v cargo >/dev/null && command -v cc >/dev/null; then begin build build; fi
front scripts/setup.sh test
begin build build
begin wheel wheel
if [[ -z "${ONLY:-}" ]]; then begin images images; fi

finish build
stage rust rust
stage lint lint
begin clippy clippy
stage types types
finish wheel
begin python python
finish python
stage e2e e2e
finish clippy
finish images
stage pythons pythons
begin clients clients
begin crash crash
stage docs documentation
finish clients
finish crash

# Counts of cargo test, nextest, pytest, the clients and the crash test, added up.
total() {
  sed 's/\x1b\[[0-9;]*m//g' "$LOGS"/*.log |
    awk -v what="$1" '
      /test result:|^(=+ )?[0-9]+ (passed|failed|skipped|xfailed)|Summary \[/ {
        for (i = 1; i < NF; i++) { word = $(i + 1); gsub(/[^a-z]/, "", word); if (word == what) sum += $i }
      }
      END { print sum + 0 }'
}
say "Stages"
for i in "${!names[@]}"; do
  printf '%-8s %5d s  %s\n' "${names[$i]}" "${times[$i]}" "${results[$i]}"
done
printf 'all      %5d s\n' "$SECONDS"
if [[ "$(id -u)" != 0 ]]; then
  echo "Not run, since this is not root: tests named privileged_*."
fi
# What failed, once more where it is seen.
grep -hE '^(FAILED|ERROR) |^test .* FAILED$|^ +FAIL \[' "$LOGS"/*.log | sort -u || true
# Rust has no way to skip a test: such tests pass and say so. They are not counted as passed.
said="$(grep -hE '^skipped( on [^:]*)?: ' "$LOGS/rust.log" 2>/dev/null || true)"
left_out=0
if [[ -n "$said" ]]; then
  left_out="$(wc -l <<<"$said")"
  sort <<<"$said" | uniq -c
fi
skipped=$(($(total skipped) + $(total ignored) + left_out))
failures=$(total failed)
if ((failed && ! failures)); then failures=$failed; fi
echo "$(($(total passed) - left_out)) passed, $failures failed, $skipped skipped"
exit "$((failed > 0))"
