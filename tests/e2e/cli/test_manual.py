"""Manual pages: written for each command, and readable by `man`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from engine import ROOT, Engine

WHEEL = ROOT / "crates" / "cli" / "wheel" / "data" / "share" / "man"


def test_manual(engine: Engine, tmp_path: Path) -> None:
    engine.kukri("man", str(tmp_path / "new" / "man1"))
    pages = {path.name for path in (tmp_path / "new" / "man1").iterdir()}
    assert {"kukri.1", "kukri-run.1", "kukri-core.1", "kukri-cache-prune.1"} <= pages
    (tmp_path / "file").write_text("")
    assert engine.kukri("man", str(tmp_path / "file"), check=False).returncode == 1


def test_the_pages_of_the_package_are_those_of_the_command(engine: Engine, tmp_path: Path) -> None:
    engine.kukri("man", str(tmp_path))
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in (WHEEL / "man1").iterdir()}


def test_man_shows_them(tmp_path: Path) -> None:
    """As in an environment with the package: `man` looks beside the directories of `PATH`."""
    if shutil.which("man") is None:
        pytest.skip("there is no man here; scripts/setup.sh installs it")
    (tmp_path / "bin").mkdir()
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "man").symlink_to(WHEEL)
    pages = sorted(path.stem for path in (WHEEL / "man1").iterdir())
    env = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "MANWIDTH": "80",
        "HOME": str(tmp_path),
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout

    assert len(run("man", "--where", *pages).splitlines()) == len(pages)
    shown = run("man", "--warnings", "kukri")
    assert "KUKRI_ROOT" in shown and "EXIT STATUS" in shown
    # What `man` runs, once for all of them.
    files = [str(path) for path in (WHEEL / "man1").iterdir()]
    assert "kukri-cache-prune" in run("groff", "-man", "-Tutf8", "-ww", *files)


def test_pages_say_which_variables_stand_for_flags(engine: Engine, tmp_path: Path) -> None:
    engine.kukri("man", str(tmp_path))
    for page, variable in (("run", "KUKRI_PROGRESS"), ("core", "DAGGER_WORKDIR"), ("engine", "KUKRI_ROOT")):
        assert variable in (tmp_path / f"kukri-{page}.1").read_text(), page


@pytest.mark.parametrize("topic", ["environment", "exit-codes", "KUKRI_PROGRESS"])
@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("300", 100), ("0", 100), ("1", 40), (None, 100)])
def test_topics_are_as_wide_as_the_terminal(
    engine: Engine, topic: str, columns: str | None, width: int
) -> None:
    env = {key: value for key, value in engine.env.items() if key != "COLUMNS"}
    done = engine.kukri("help", topic, env={**env, **({"COLUMNS": columns} if columns else {})})
    lines = done.stdout.splitlines()
    # What cannot be broken stays whole.
    assert all(len(line) <= width or " " not in line.strip() or "  --" in line for line in lines), lines
    assert any(len(line) > 0.8 * width for line in lines)
    whole = engine.kukri("help", topic, env={**env, "COLUMNS": "100"}).stdout
    assert done.stdout.split() == whole.split()


def test_what_stands_below_a_status_is_indented(engine: Engine) -> None:
    lines = engine.kukri("help", "exit-codes", env={**engine.env, "COLUMNS": "60"}).stdout.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("  141 "))
    assert re.match(r"^ {13}\S", lines[at + 1])


def test_help_is_as_wide_as_the_terminal(engine: Engine) -> None:
    for columns, width in (("60", 60), ("0", 100)):
        for command in (["--help"], ["help", "run"]):
            lines = engine.kukri(*command, env={**engine.env, "COLUMNS": columns}).stdout.splitlines()
            assert 0.7 * width < max(map(len, lines)) <= width, lines
