"""The pipelines in `examples/` for other languages, unmodified, on real sources from package registries."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import transcripts
from engine import ROOT, Engine
from images import image
from registry import Registry

pytestmark = pytest.mark.slow
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
def sources(toolchains: None, engine: Engine, python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate, a Go module and a package of npm."""
    target = tmp_path_factory.mktemp("sources")
    fetch = [python, str(Path(__file__).with_name("fetch.py")), str(target)]
    done = subprocess.run(fetch, env=engine.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_rust_crate(run: Run, sources: Path, tmp_path: Path) -> None:
    output = run("rust_crate.py", str(sources / "crate"))
    assert output.count("test result: ok") >= 3
    assert (tmp_path / "out" / "doc" / "semver" / "index.html").is_file()


def test_rust_crate_of_another_checkout(
    toolchains: None, engine: Engine, python: str, tmp_path: Path
) -> None:
    """What was compiled of one tree is not taken for another one whose files are older."""
    for name, hours, total in (("first", 1, 4), ("broken", 100, 5), ("last", 200, 4)):
        crate = tmp_path / name
        (crate / "src").mkdir(parents=True)
        (crate / "Cargo.toml").write_text('[package]\nname = "two"\nversion = "0.1.0"\nedition = "2021"\n')
        test = f"#[test]\nfn adds() {{ assert_eq!(2 + 2, {total}); }}\n"
        (crate / "src/lib.rs").write_text(f"pub fn {name}() {{}}\n{test}")
        then = time.time() - hours * 3600
        for path in crate.rglob("*"):
            os.utime(path, (then, then))
        command = [python, str(ROOT / "examples" / "rust_crate.py"), "."]
        done = subprocess.run(command, env=engine.env, cwd=crate, capture_output=True, text=True, check=False)
        if name == "broken":
            assert done.returncode != 0 and "right: 5" in done.stderr, done.stdout + done.stderr
            continue
        assert done.stdout.startswith("test result: ok. 1 passed"), done.stdout + done.stderr
        assert [path.stem for path in (crate / "out/doc/two").glob("fn.*")] == [f"fn.{name}"]


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
