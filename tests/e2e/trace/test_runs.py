"""`kukri trace`: runs that are over, in a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine import Engine
from recorded import Recorded


def test_the_page_does_not_change_how_a_run_ends(recorded: Recorded) -> None:
    assert recorded.done.returncode != 0
    assert "exit code: 3" in recorded.done.stderr
    assert stat.S_IMODE(recorded.page.stat().st_mode) == 0o600


def test_ls(recorded: Recorded) -> None:
    text = recorded.engine.kukri("trace", "ls").stdout
    head, first, *_ = text.splitlines()
    assert head.split() == ["RUN", "BEGAN", "TOOK", "STEPS", "CACHED", "FAILED", "COMMAND"]
    assert first.endswith("  python ci.py")
    (run, *_) = json.loads(recorded.engine.kukri("trace", "ls", "--json").stdout)
    assert (run["run"]["command"], run["failed"], run["cached"] >= 1) == ("python ci.py", 1, True)


def test_show(recorded: Recorded) -> None:
    show = recorded.engine.kukri("trace", "show").stdout
    assert "FAILED" in show
    assert "exit code: 3" in show
    assert "(the same step ran" in show
    logs = recorded.engine.kukri("trace", "show", "--step", "built on it").stdout
    assert "    to stderr\n" in logs
    nothing = recorded.engine.kukri("trace", "show", "--step", "no such step", check=False)
    assert nothing.returncode == 1
    assert "`kukri trace show" in nothing.stderr
    steps = json.loads(recorded.engine.kukri("trace", "show", "--json").stdout)["steps"]
    assert any(step.get("exit_code") == 3 for step in steps)


def test_open(recorded: Recorded, tmp_path: Path) -> None:
    """Without a desktop the path is printed; with `--output` nothing is opened."""
    printed = opened(recorded)
    chosen = tmp_path / "chosen.html"
    recorded.engine.kukri("trace", "open", "-o", str(chosen))
    assert chosen.read_text() == printed.read_text()
    assert "python ci.py" in chosen.read_text()


def test_the_browser_that_the_user_wants(recorded: Recorded, tmp_path: Path) -> None:
    """The first of `BROWSER` that works, with the page where it is wanted; that of the desktop is not asked then."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >'{seen}'\n")
    browser.chmod(0o755)
    state = tmp_path / "with space"
    shutil.copytree(recorded.engine.root / "state", state)
    env = {**recorded.engine.env, "XDG_STATE_HOME": str(state), "DISPLAY": ":nope"}
    for commands, words in (
        (f"/nope/browser:false:{browser}", []),
        (f"{browser} --new %s --zoom=50%%", ["--new", None, "--zoom=50%"]),
    ):
        done = recorded.engine.kukri("trace", "open", env={**env, "BROWSER": commands})
        assert done.stdout == done.stderr == ""
        told = seen.read_text().splitlines()
        (url,) = [word for word in told if word.startswith("file:")]
        assert "/with%20space/kukri/pages/" in url and Path(unquote(urlsplit(url).path)).is_file()
        assert told == [word or url for word in words or [None]]
    failed = recorded.engine.kukri(
        "trace", "open", check=False, env={**env, "BROWSER": "false:/nope/browser"}
    )
    assert failed.returncode == 1 and "BROWSER=false:/nope/browser" in failed.stderr
    page = re.search(r"hint: the page is (.*);", failed.stderr)
    assert page and Path(page[1]).is_file(), failed.stderr


def test_pages_are_new_and_of_their_user_alone(recorded: Recorded, tmp_path: Path) -> None:
    """Whoever plants a link where a page may be expected reaches nothing."""
    runs = recorded.engine.root / "state/kukri/runs"
    (latest,) = sorted(path.stem for path in runs.iterdir())[-1:]
    victim = tmp_path / "victim"
    victim.write_text("mine")
    pages = recorded.engine.root / "state/kukri/pages"
    pages.mkdir(mode=0o700, exist_ok=True)
    for directory in (tmp_path, pages):
        (directory / f"kukri-{latest}.html").symlink_to(victim)
        (directory / f"{latest}.html").symlink_to(victim)
    first, second = (opened(recorded, TMPDIR=str(tmp_path)) for _ in range(2))
    assert first != second and victim.read_text() == "mine"
    for page in (first, second):
        assert page.parent == pages
        assert stat.S_IMODE(page.lstat().st_mode) == 0o600 and not page.is_symlink()
    assert stat.S_IMODE(pages.stat().st_mode) == 0o700
    for link in pages.iterdir():
        if link.is_symlink():
            link.unlink()


def test_pages_of_earlier_days_go(recorded: Recorded) -> None:
    old, young = opened(recorded), opened(recorded)
    other = old.parent / "notes"
    other.write_text("")
    yesterday = time.time() - 25 * 3600
    for path in (old, other):
        os.utime(path, (yesterday, yesterday))
    opened(recorded)
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_a_page_that_has_no_place(recorded: Recorded, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(recorded.engine.root / "state", state)
    shutil.rmtree(state / "kukri/pages", ignore_errors=True)
    (state / "kukri/pages").write_text("")
    env = {**recorded.engine.env, "XDG_STATE_HOME": str(state)}
    done = recorded.engine.kukri("trace", "open", env=env, check=False)
    assert done.returncode == 1 and "--output" in done.stderr


def opened(recorded: Recorded, **variables: str) -> Path:
    """The page that is written where there is no browser."""
    env = {key: value for key, value in recorded.engine.env.items() if "DISPLAY" not in key}
    return Path(recorded.engine.kukri("trace", "open", env={**env, **variables}).stdout.strip())


def test_counts_are_those_of_the_summary(fresh: Engine, tmp_path: Path) -> None:
    """Transfers are no steps, neither when the run ends nor later."""
    (tmp_path / "file").write_text("")
    document = """{ host { directory(path: ".") { entries } }
        container { from(address: "alpine") { withExec(args: ["echo", "hi"]) { stdout } } } }"""
    for _ in range(2):
        done = fresh.kukri("query", document, cwd=str(tmp_path))
        summary = re.search(r"^\d+ steps?.*, (\d+) transfers?(?=[, ])", done.stderr, re.MULTILINE)
        assert summary, done.stderr
        shown = fresh.kukri("trace", "show").stdout.splitlines()[-1]
        assert shown.startswith(f"{summary[0]} in "), (shown, summary[0])
        (run, *_) = json.loads(fresh.kukri("trace", "ls", "--json").stdout)
        assert re.match(rf"{run['steps']} steps?,", summary[0]) and run["transfers"] == int(summary[1])
        page = fresh.root / "page.html"
        fresh.kukri("trace", "open", "-o", str(page))
        assert f'"counts":{{"steps":{run["steps"]},"transfers":{run["transfers"]},' in page.read_text()


def test_unknown_runs(recorded: Recorded) -> None:
    done = recorded.engine.kukri("trace", "show", "1999", check=False)
    assert done.returncode == 1
    assert "kukri trace ls" in done.stderr


def test_only_the_latest_runs_are_kept(fresh: Engine) -> None:
    def run(number: int, keep: str) -> None:
        steps = f'withExec(args: ["echo", "{number}"]) {{ stdout }}'
        document = f'{{ container {{ from(address: "alpine:3.20") {{ {steps} }} }} }}'
        fresh.kukri("query", document, env={**fresh.env, "KUKRI_RUNS": keep})

    for number in range(4):
        run(number, "2")
    runs = list((fresh.root / "state/kukri/runs").iterdir())
    assert len(runs) == 2
    run(4, "0")
    assert list((fresh.root / "state/kukri/runs").iterdir()) == runs
    wrong = fresh.kukri("query", "{ version }", env={**fresh.env, "KUKRI_RUNS": "many"}, check=False)
    assert wrong.returncode == 2
    assert "KUKRI_RUNS" in wrong.stderr


def test_a_page_that_cannot_be_written_is_told_before_the_work(recorded: Recorded, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    missing = tmp_path / "no" / "such" / "out.html"
    done = recorded.engine.kukri("run", "--trace", str(missing), "touch", str(mark), check=False)
    assert done.returncode == 1
    assert str(missing) in done.stderr
    assert not mark.exists()


def test_secrets_are_in_no_trace(make_engine: Callable[..., Engine], own_python: str, tmp_path: Path) -> None:
    engine = make_engine(HIDDEN="correct horse battery staple")
    page = tmp_path / "out.html"
    program = """
import dagger
with dagger.connect() as dag:
    alpine = dag.container().from_("alpine:3.20").with_secret_variable("S", dag.secret("env://HIDDEN"))
    alpine.with_exec(["sh", "-c", "echo it is $S"]).sync()
"""
    engine.kukri("run", "--trace", str(page), own_python, "-c", program)
    kept = b"".join(path.read_bytes() for path in (engine.root / "state/kukri/runs").iterdir())
    for text in (page.read_bytes(), kept):
        assert b"it is ***" in text
        assert b"battery" not in text


def test_what_is_left_out_of_a_log_is_said(fresh: Engine, tmp_path: Path) -> None:
    document = '{ container { from(address: "alpine") { withExec(args: ["seq", "6000"]) { sync } } } }'
    page = tmp_path / "page.html"
    fresh.kukri("query", "--trace", str(page), document)
    assert '"6000"]],"left_out":1000' in page.read_text()
    _, said, first, *_ = fresh.kukri("trace", "show", "--step", "seq").stdout.splitlines()
    assert (said, first) == ("    (left out before these: 1000 lines)", "    1001")
