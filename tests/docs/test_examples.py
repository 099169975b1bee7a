"""The pipelines in `examples/`, unmodified, on real sources from package registries."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import transcripts
from engine import ROOT, Engine
from images import default_cache, image
from projects import Project
from registry import Registry

SOURCES = default_cache().parent / "sources"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
Run = Callable[..., str]


@pytest.fixture(scope="module")
def toolchains(registry: Registry) -> None:
    """Images with compilers."""
    for name, source in (
        ("golang:1", "golang"),
        ("node:24-slim", "node"),
        ("rust:1-slim", "rust"),
    ):
        registry.push(f"library/{name}", image(source))


@pytest.fixture(scope="module")
def python(engine: Engine) -> str:
    """Which `python` programs of pages and examples run with."""
    return engine.env["PYTHON"]


@pytest.fixture(scope="module")
def sources(toolchains: None, engine: Engine, python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate, a Go module and a package of npm."""
    target = tmp_path_factory.mktemp("sources")
    fetch = [python, str(Path(__file__).with_name("fetch.py")), str(target)]
    done = subprocess.run(fetch, env=engine.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def run(engine: Engine, python: str, tmp_path: Path) -> Run:
    """Runs an example; gives what it prints. The second time, everything is known."""

    def once(arguments: tuple[str, ...]) -> tuple[str, str]:
        command = [python, *(str(ROOT / "examples" / arguments[0]), *arguments[1:])]
        done = subprocess.run(
            command, env=engine.env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, done.stderr

    def twice(*arguments: str) -> str:
        output, _ = once(arguments)
        again, progress = once(arguments)
        assert again == output
        assert "not cached" not in progress
        assert "CACHED" in progress
        return output

    return twice


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


def test_rust_crate(run: Run, sources: Path, tmp_path: Path) -> None:
    output = run("rust_crate.py", str(sources / "crate"))
    assert output.count("test result: ok") >= 3
    assert (tmp_path / "out" / "doc" / "semver" / "index.html").is_file()


def test_node_app(run: Run, sources: Path, tmp_path: Path) -> None:
    output = run("node_app.py", str(sources / "package"), "--main", "bin/http-server")
    version, packages = output.splitlines()
    assert version == "v14.1.1"
    assert int(packages.split()[0]) > 30
    assert (tmp_path / "out" / "image.tar").stat().st_size > 10_000_000


def test_go_scratch(run: Run, sources: Path, tmp_path: Path) -> None:
    output = run("go_scratch.py", str(sources / "module"))
    assert "ok  \tgithub.com/tomnomnom/gron" in output
    assert "gron version" in output
    assert 1_000_000 < (tmp_path / "out" / "image.tar").stat().st_size < 10_000_000


def test_what_the_page_shows(engine: Engine, sources: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    shutil.copytree(sources / "module", tmp_path / "gron")
    shown = ROOT / "docs" / "snippets" / "sources"
    for path in shown.glob("*.console"):
        transcripts.run(path.read_text(), tmp_path, engine.env)


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
def test_what_an_example_says_of_its_use(path: Path) -> None:
    """The command in its first lines is one that it takes."""
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
    known = Path(__file__).read_text() + (ROOT / "tests" / "e2e" / "test_example.py").read_text()
    for path in EXAMPLES:
        assert f'"{path.name}"' in known, f"no test runs {path.name}"
