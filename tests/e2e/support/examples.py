"""The examples of the API reference, and the directory in which they are run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from engine import ROOT

EXAMPLES: list[dict[str, Any]] = json.loads((ROOT / "schema" / "examples.json").read_text())

FILES = {
    "README.md": "# Hello\n\nA small project.\n",
    "pyproject.toml": '[project]\nname = "hello"\n',
    ".gitignore": "dist/\n*.log\n",
    "build.log": "compiling\n",
    ".env": "GREETING=hello\nNAME=world\n",
    "src/hello.py": 'def hello(name: str) -> str:\n    return f"hello {name}"\n',
    "tests/test_hello.py": "from hello import hello\n\n\ndef test_hello() -> None:\n    assert hello('x')\n",
}


def label(example: dict[str, Any]) -> str:
    """Name of an example's test; several of one operation are told apart by pytest."""
    return str(example["operation"])


def lay(directory: Path) -> None:
    """Makes the files that examples know."""
    for name, contents in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents)


def plain(value: Any) -> Any:
    """A value as JSON has it: members of enums by name."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return getattr(value, "value", value) if not isinstance(value, str) else str(value)


def check(example: dict[str, Any], outcome: Any) -> None:
    """Compares what came out of an example with what the reference says."""
    code = "\n".join(example["async"])
    if "raises" in example:
        assert isinstance(outcome, Exception), f"{code}\ngave {outcome!r}"
        assert matches(example["raises"], str(outcome), whole=False), f"{code}\nraised {outcome}"
        return
    if isinstance(outcome, Exception):
        raise outcome
    if "like" in example:
        assert alike(example["like"], outcome), f"{code}\ngave {outcome!r}, nothing like {example['like']!r}"
        return
    assert matches(example["gives"], outcome), f"{code}\ngave {outcome!r}, not {example['gives']!r}"


def alike(sample: Any, value: Any) -> bool:
    """Whether a value is of the kind of a sample, down to the items of lists, of which there must be some."""
    if isinstance(sample, list) and isinstance(value, list):
        return bool(value) and all(alike(sample[0], item) for item in value)
    return type(sample) is type(value)


def matches(expected: Any, value: Any, *, whole: bool = True) -> bool:
    """Whether a value is the one that is expected, in whose texts `…` stands for anything."""
    if isinstance(expected, list) and isinstance(value, list):
        return len(expected) == len(value) and all(map(matches, expected, value))
    if isinstance(expected, str) and isinstance(value, str):
        pattern = ".*".join(map(re.escape, expected.split("…")))
        found = (re.fullmatch if whole else re.search)(pattern, value, re.DOTALL)
        return found is not None
    return type(expected) is type(value) and bool(expected == value)
