"""The pictures of a terminal in the guide on progress are those of a run, which is done again here.

With KUKRI_WRITE_PICTURES=1 they are written anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import ROOT, Engine, binary
from registry import Registry
from slow import Slow
from tmux import Tmux

PICTURE = ROOT / "docs" / "snippets" / "picture"
#: Bytes per second, so that the download can be seen.
RATE = 6_000_000


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    if not shutil.which("tmux"):
        pytest.skip("there is no tmux")
    made = Tmux(tmp_path, 92, 30)
    yield made
    made.end()


def test_pictures(
    make_engine: Callable[[], Engine], registry: Registry, terminal: Tmux, tmp_path: Path
) -> None:
    engine = make_engine()
    shutil.copytree(ROOT / "docs" / "snippets" / "project", tmp_path, dirs_exist_ok=True)
    shutil.copy(PICTURE / "picture.py", tmp_path)
    with contextlib.closing(Slow(registry.port, 0)) as slow:
        engine.env["KUKRI_REGISTRY_MIRRORS"] = f"docker.io={slow.url}"
        # What the picture shows as cached.
        step = 'withExec(args: ["sh", "-c", "sleep 1; echo installed"]) { sync }'
        engine.kukri("query", f'{{ container {{ from(address: "alpine") {{ {step} }} }} }}')
        slow.rate = RATE
        program = f"{shlex.quote(engine.env['PYTHON'])} picture.py"
        terminal.start(engine, f"cd {shlex.quote(str(tmp_path))}; {binary()} run --progress tty {program}")
        check("running.txt", terminal.wait(under_way))
        slow.rate = 0
        ended = terminal.wait(lambda lines: "END" in lines)
    check("ended.txt", ended[: ended.index("END")])


def under_way(lines: list[str]) -> bool:
    """All that the page speaks of can be seen: a failure, a cached step, output, and both bars between their ends."""
    text = "\n".join(lines)
    wanted = ("✗ ", "cached", "│ 12 passed", "left")
    bars = re.findall(r"(download|extract) +█{8,}░", text)
    return all(word in text for word in wanted) and bars == ["download", "extract"]


def check(name: str, lines: list[str]) -> None:
    """Holds a screen against the file that the page includes."""
    path = PICTURE / name
    text = "\n".join(line.rstrip() for line in lines).strip() + "\n"
    if os.environ.get("KUKRI_WRITE_PICTURES"):
        path.write_text(text)
    assert plain(text) == plain(path.read_text()), text


def plain(text: str) -> list[str]:
    """Without what differs between runs: numbers, how long bars are, how much room these leave, and who came first."""
    text = re.sub("[█░]+", "BAR", text)
    text = re.sub(r"sha256:[0-9a-f]*…?", "DIGEST", text)
    text = re.sub(r"\d+(\.\d+)? ?([kMG]?B(/s)?|ms|s)\b", r"N", text)
    # Part of the critical path where it took long enough.
    text = re.sub(r"\n +N +sync src$", "", text, flags=re.MULTILINE)
    # A step is a line with what is indented below it. Which was the slowest depends on the machine.
    blocks = re.split(r"\n(?! )", re.sub(" +", " ", text).strip())
    return sorted(
        "\n".join(sorted(block.split("\n"))) if block.startswith("slowest:") else block for block in blocks
    )


def test_another_picture_is_found() -> None:
    assert plain("● pull  1.2s\n  ██░  1.0 MB/s") == plain("● pull 12 ms\n  █░░  970 kB/s")
    assert plain("● pull  1.2s") != plain("✓ pull  1.2s")
    assert plain("● a\n  1\n● b") == plain("● b\n● a\n  1") != plain("● a\n● b\n  1")
