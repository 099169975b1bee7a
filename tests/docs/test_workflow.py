"""The workflow file that the guide on GitHub Actions shows: what its schema says, and what its commands do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine import ROOT, Engine

WORKFLOWS = ROOT / "docs" / "snippets" / "workflows"
WORKFLOW = WORKFLOWS / "after.yml"
READ = (
    "import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ='safe').load(sys.stdin), sys.stdout)"
)


@pytest.fixture
def docs_python() -> str:
    python = os.environ.get("KUKRI_DOCS_PYTHON", "")
    probe = [python, "-c", "import check_jsonschema"]
    if not python or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("KUKRI_DOCS_PYTHON names no interpreter with check-jsonschema (scripts/setup.sh docs)")
    return python


def valid(python: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Checks a file against the schema of workflows that the tool brings along."""
    command = [python, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_a_workflow(docs_python: str, tmp_path: Path) -> None:
    for workflow in (WORKFLOW, WORKFLOWS / "before.yml"):
        done = valid(docs_python, workflow)
        assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOW.read_text().replace("runs-on:", "runs_on:"))
    assert valid(docs_python, wrong).returncode, "a mistake is found"


@pytest.mark.slow
def test_its_commands_run(docs_python: str, make_engine: Callable[[], Engine], tmp_path: Path) -> None:
    """In a checkout of the small project, as the runner's shell runs them. On runners nothing is known before."""
    engine = make_engine()
    wheels = sorted(Path(os.environ.get("KUKRI_WHEELS") or ROOT / "dist").glob("kukri-*.whl"))
    if os.geteuid() or not wheels:
        pytest.skip("needs root, and a wheel: run scripts/wheel.sh, or name its place with KUKRI_WHEELS")
    project, temporary, programs = tmp_path / "project", tmp_path / "temp", tmp_path / "bin"
    shutil.copytree(ROOT / "docs" / "snippets" / "project", project)
    shutil.copy(ROOT / "docs" / "snippets" / "actions.py", project)
    (project / "tools").mkdir()
    shutil.copy(wheels[-1], project / "tools")
    for folder in (temporary, programs):
        folder.mkdir()
    if shutil.which("sudo") is None:
        # Root needs none: this one only takes the flag away.
        (programs / "sudo").write_text('#!/bin/sh\n[ "$1" = --preserve-env ] && shift\nexec "$@"\n')
        (programs / "sudo").chmod(0o755)
    read = subprocess.run(
        [docs_python, "-c", READ], input=WORKFLOW.read_text(), capture_output=True, text=True, check=True
    )
    steps: list[dict[str, Any]] = json.loads(read.stdout)["jobs"]["ci"]["steps"]
    environment = {
        **engine.env,
        "PATH": f"{engine.env['PATH']}:{programs}",
        "RUNNER_TEMP": str(temporary),
        "GITHUB_ACTIONS": "true",
    }
    for name in ("_EXPERIMENTAL_DAGGER_CLI_BIN", "PYTHONPATH", "KUKRI_PROGRESS"):
        environment.pop(name, None)
    shown = ""
    for step in steps:
        if "run" not in step:
            continue
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        shown += done.stderr
    assert "::group::" in shown
    uploaded = next(step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", ""))
    assert [path.name for path in (project / uploaded).iterdir()] == ["hello-1.0.0-py3-none-any.whl"]
