"""The pipelines in `examples/` for Python, unmodified, on real sources from package registries."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import ROOT, Engine
from images import default_cache
from projects import Project

pytestmark = pytest.mark.slow
SOURCES = default_cache().parent / "sources"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
Run = Callable[..., str]


def test_python_matrix(run: Run, tmp_path: Path) -> None:
    source = Project("h11==0.16.0", ()).copy(SOURCES, tmp_path / "h11")
    output = run("python_matrix.py", str(source), "--with", "pytest==8.4.2", "pytest==9.0.2")
    cells = re.findall(r"^Python (\S+) +(\S+) +(\d+) passed", output, re.MULTILINE)
    assert [cell[:2] for cell in cells] == [
        (python, requirement)
        for python in ("3.11", "3.13")
        for requirement in ("pytest==8.4.2", "pytest==9.0.2")
    ]
    assert all(int(passed) > 50 for _, _, passed in cells)


def test_monorepo(run: Run, engine: Engine, python: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    uses = {"h11": [], "wsproto": ["h11"], "markupsafe": []}
    for name, version in (("h11", "0.16.0"), ("wsproto", "1.3.2"), ("markupsafe", "3.0.2")):
        Project(f"{name}=={version}", ()).copy(SOURCES, repository / name)
    (repository / "packages.json").write_text(json.dumps(uses))
    output = run("monorepo.py", str(repository))
    assert re.findall(r"^(\w+): \d+ passed", output, re.MULTILINE) == list(uses)

    init = repository / "h11" / "h11" / "__init__.py"
    init.write_text(f"{init.read_text()}\n# changed\n")
    command = [python, str(ROOT / "examples" / "monorepo.py"), str(repository)]
    done = subprocess.run(command, env=engine.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = dict(re.findall(r"^#(\d+) (pytest.*)$", done.stderr, re.MULTILINE))
    ran = set(re.findall(r"^#(\d+) not cached", done.stderr, re.MULTILINE))
    assert len(ran & set(steps)) == 2, "h11, and wsproto which uses it; not markupsafe"
    assert len(steps) == 3


def test_data(run: Run, tmp_path: Path) -> None:
    output = run("data.py")
    assert len(output.splitlines()) == 3
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.95
    assert (tmp_path / "out" / "model.joblib").stat().st_size > 1000


def test_docs_site(run: Run, tmp_path: Path) -> None:
    output = run("docs_site.py")
    assert int(output.split()[0]) > 50
    assert "Get started" in (tmp_path / "out" / "get-started.html").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_what_an_example_says_of_its_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command in its first lines is one that it takes."""
    monkeypatch.syspath_prepend(ROOT / "python")
    program = runpy.run_path(str(path), run_name="example")
    usage = re.findall(r"^ {4}python (\S+\.py)(.*)$", program["__doc__"], re.MULTILINE)
    assert usage, "the docstring shows no command"
    for name, arguments in usage:
        assert Path(name).name == path.name
        if "parser" in program:
            # Exits where it does not take them.
            program["parser"].parse_args(shlex.split(arguments))
        else:
            assert len(arguments.split()) == path.read_text().count("sys.argv[")


def test_each_example_is_run() -> None:
    tests = ROOT / "tests"
    places = [Path(__file__), tests / "docs" / "test_compiled_examples.py", tests / "e2e" / "test_example.py"]
    known = "".join(place.read_text() for place in places)
    for path in EXAMPLES:
        assert f'"{path.name}"' in known, f"no test runs {path.name}"
