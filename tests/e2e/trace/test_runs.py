"""`kukri trace`: runs that are over, in a terminal."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

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
    env = {key: value for key, value in recorded.engine.env.items() if "DISPLAY" not in key} | {
        "TMPDIR": str(tmp_path)
    }
    printed = Path(recorded.engine.kukri("trace", "open", env=env).stdout.strip())
    assert printed.parent == tmp_path
    chosen = tmp_path / "chosen.html"
    recorded.engine.kukri("trace", "open", "-o", str(chosen))
    assert chosen.read_text() == printed.read_text()
    assert "python ci.py" in chosen.read_text()


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
    assert wrong.returncode == 1
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
