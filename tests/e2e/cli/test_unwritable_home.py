"""A home directory in which nothing can be written, or none: commands work, or say what to set."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine import Engine

#: As the user who runs the tests may write everywhere else.
NOWHERE = "/proc/nope"
SCRIPT = '{ container { from(address: "busybox") { withExec(args: ["echo", "%s"]) { stdout } } } }'


def variables(way: str) -> dict[str, str]:
    """Where a client would keep what it knows."""
    named = {f"XDG_{name}_HOME": NOWHERE for name in ("DATA", "CACHE", "STATE")}
    return {"home": {"HOME": NOWHERE}, "xdg": {"HOME": "/", **named}, "none": {}}[way]


@pytest.fixture(params=["home", "xdg", "none"])
def poor(request: pytest.FixtureRequest, engine: Engine) -> Engine:
    """The shared engine, as somebody sees it who has no place for anything."""
    names = ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    poor = Engine(engine.root, None)
    poor.env = {key: value for key, value in engine.env.items() if key not in names}
    poor.env.update(variables(str(request.param)))
    return poor


def test_pipelines_run(poor: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    page = tmp_path / "page.html"
    done = poor.kukri("query", "--trace", str(page), SCRIPT % "runs")
    assert '"runs\\n"' in done.stdout and "warning" not in done.stderr
    assert "</html>" in page.read_text()
    listed = poor.kukri("core", "host", "directory", f"--path={tmp_path}", "entries")
    assert "file" in listed.stdout.split()
    assert poor.kukri("run", "true").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        ["doctor"],
        ["version"],
        ["help", "environment"],
        ["completion", "bash"],
        ["engine", "status"],
        ["cache", "du"],
        ["cache", "verify"],
        ["cache", "prune", "--keep", "1d"],
    ],
    ids=" ".join,
)
def test_other_commands_work(poor: Engine, command: list[str]) -> None:
    with poor.session():
        assert poor.kukri(*command).stdout


def test_what_to_set_for_runs_to_be_kept(poor: Engine) -> None:
    poor.kukri("query", SCRIPT % "not kept")
    listed = poor.kukri("trace", "ls")
    assert "no run is kept" in listed.stdout
    for said in (listed, poor.kukri("trace", "show", check=False), poor.kukri("trace", "open", check=False)):
        (hint,) = [line for line in said.stderr.splitlines() if line.startswith("hint: ")]
        assert hint.endswith("set XDG_STATE_HOME to a directory that this user may write to"), hint
    assert poor.kukri("trace", "ls", "--json").stdout == "[]\n"


def test_where_runs_can_be_kept_there_is_no_such_hint(fresh: Engine) -> None:
    assert fresh.kukri("trace", "ls").stderr == ""
    env = {**fresh.env, "KUKRI_RUNS": "0"}
    assert fresh.kukri("trace", "ls", env=env).stderr == "hint: KUKRI_RUNS=0 keeps none; unset it\n"
