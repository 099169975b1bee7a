"""The examples of the API reference, and the directory in which they are run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine import ROOT

EXAMPLES: list[dict[str, Any]] = json.loads((ROOT / "schema" / "examples.json").read_text())

FILES = {
    "README.md": "# Hello\n\nA small project.\n",
    "pyproject.toml": '[project]\nname = "hello"\n',
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
