"""The live picture on real terminals: in tmux, and what is written for it on a pty."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import termios
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine import Engine, binary
from tmux import Tmux


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., Tmux]]:
    """Makes terminals of a size."""
    if not shutil.which("tmux"):
        pytest.skip("there is no tmux")
    made: list[Tmux] = []

    def make(columns: int, rows: int) -> Tmux:
        made.append(Tmux(tmp_path, columns, rows))
        return made[-1]

    yield make
    for one in made:
        one.end()


def document(directory: Path, scripts: list[str]) -> Path:
    """A file with a query that runs scripts next to each other; they may fail."""
    execs = (
        f'a{at}: container {{ from(address: "busybox") {{ '
        f'withExec(args: ["sh", "-c", {json.dumps(script)}], expect: ANY) {{ exitCode }} }} }}'
        for at, script in enumerate(scripts)
    )
    path = directory / "document"
    path.write_text(f"{{ {' '.join(execs)} }}")
    return path


def query(path: Path) -> str:
    """The command that asks for it and shows a picture."""
    return f"{binary()} query --progress tty --doc {shlex.quote(str(path))} >/dev/null"


def room(columns: int) -> int:
    """How wide lines of the picture are."""
    return columns - columns // 20


FOOTER = re.compile(r"^\d+ running.* of \d+ steps?.*  \d+\.\ds$")


@pytest.mark.parametrize("columns", [60, 300])
def test_picture(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path, columns: int) -> None:
    terminal = tmux(columns, 40)
    word = uuid.uuid4().hex
    label = "x" * 400
    wide = "字" * 200
    scripts = [f": {word} {n} {label}; echo {wide}; echo line {n}; sleep {n}" for n in (1, 4)]
    terminal.start(engine, f"echo BEFORE; {query(document(tmp_path, scripts))}")
    one_over = re.compile(r"^✓ sh -c ': \w+ 1 x.*…  \d\.\ds$")
    lines = terminal.wait(lambda lines: any(map(one_over.match, lines)))
    # One picture, below what was there, with nothing of earlier ones; lines are cut, not broken.
    assert lines[0] == "BEFORE"
    assert sum(bool(FOOTER.match(line)) for line in lines) == 1 and FOOTER.match(lines[-1])
    heads = [line for line in lines if line.startswith("● ")]
    assert len(heads) == 1 and re.match(r"^● sh -c ': \w+ 4 x.*…  \d\.\ds$", heads[0])
    assert len(heads[0]) == room(columns)
    assert any(re.match(r"^    │ 字+…$", line) for line in lines) and "    │ line 4" in lines
    lines = terminal.wait(lambda lines: "END" in lines)
    # In the end only the summary is left.
    # Where an earlier test has pulled the image, that time is saved.
    assert lines[0] == "BEFORE" and re.match(r"^3 steps, .* in \d\.\ds(, \d\.\ds saved)?$", lines[1]), lines
    assert lines[2] == "slowest:" and not any("●" in line for line in lines)
    assert terminal.scrolled() == 0


def test_failures_stay(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path) -> None:
    terminal = tmux(100, 40)
    path = tmp_path / "document"
    script = json.dumps(f"echo seen {uuid.uuid4().hex}; exit 5")
    path.write_text(
        f'{{ container {{ from(address: "busybox") {{ withExec(args: ["sh", "-c", {script}]) {{ sync }} }} }} }}'
    )
    terminal.start(engine, query(path))
    lines = terminal.wait(lambda lines: "END" in lines)
    at = next(at for at, line in enumerate(lines) if line.startswith("✗ "))
    assert re.match(r"^  │ seen \w+$", lines[at + 1]) and lines[at + 2] == "  └ exit code 5"


def test_what_the_program_writes_stays(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path) -> None:
    """It comes above the picture, as it is written; for the program it is a terminal as before."""
    terminal = tmux(100, 40)
    path = document(tmp_path, [f": {uuid.uuid4().hex}; sleep 2"])
    inner = (
        f"echo first; ({binary()} query --doc {shlex.quote(str(path))} >/dev/null) & sleep 1; echo second; "
        "sleep 0.3; echo third >&2; printf 'fou'; sleep 0.3; echo rth; [ -t 1 ] && stty size <&1; wait; printf last; exit 3"
    )
    terminal.start(engine, f"{binary()} run --progress tty sh -c {shlex.quote(inner)}; echo status $?")
    lines = terminal.wait(lambda lines: any(line.startswith("● ") for line in lines) and "third" in lines)
    assert lines[:3] == ["first", "second", "third"], lines
    lines = terminal.wait(lambda lines: "END" in lines)
    assert lines[:6] == ["first", "second", "third", "fourth", "40 100", "last"], lines
    assert re.match(r"^\d steps", lines[6]) and "status 3" in lines, lines
    assert not any(FOOTER.match(line) for line in lines), lines


def test_resize(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path) -> None:
    """Nothing of a picture for another size stays on the screen."""
    terminal = tmux(120, 30)
    word = uuid.uuid4().hex
    label = "y" * 200
    scripts = [f": {word} {n} {label}; echo {'log ' * 60}; sleep 9" for n in range(4)]
    terminal.start(engine, f"echo BEFORE; {query(document(tmp_path, scripts))}")

    def settled(columns: int) -> Callable[[list[str]], bool]:
        def condition(lines: list[str]) -> bool:
            heads = [line for line in lines if line.startswith("● ")]
            return len(heads) == 4 and all(len(head) == room(columns) for head in heads)

        return condition

    terminal.wait(settled(120))
    # When lines become longer than the screen is wide, tmux breaks them, and moves as many into its history.
    for columns, rows in ((300, 40), (200, 24), (60, 30)):
        terminal.resize(columns, rows)
        lines = terminal.wait(settled(columns))
        assert sum(bool(FOOTER.match(line)) for line in lines) == 1, lines
        assert FOOTER.match(lines[-1]) and len(lines) < rows, lines


@dataclass
class Resized:
    """What a terminal showed after its size had changed again and again."""

    screen: list[str]
    #: How many lines were scrolled out of it.
    scrolled: int
    #: When all is over, with those that were scrolled out.
    end: list[str]


def resized(
    engine: Engine, terminal: Tmux, directory: Path, sizes: Iterable[tuple[int, int]], pause: float
) -> Resized:
    """Eight steps with labels and lines that are wider than any terminal, on one that has these sizes one after the other."""
    script = f": {uuid.uuid4().hex} {'z' * 200}; while [ $((i+=1)) -lt 70 ]; do echo {'log ' * 60}; sleep 0.1; done"
    path = document(directory, [f"{script}; : {n}" for n in range(8)])
    terminal.start(engine, f"echo BEFORE; {query(path)}")
    terminal.wait(lambda lines: sum(line.startswith("● ") for line in lines) == 8)
    for columns, rows in sizes:
        terminal.resize(columns, rows)
        time.sleep(pause)
    screen = terminal.wait(lambda lines: sum(line.startswith("● ") for line in lines) > 1)
    scrolled = terminal.scrolled()
    terminal.wait(lambda lines: "END" in lines, seconds=60)
    return Resized(screen, scrolled, terminal.transcript())


def is_of_picture(line: str) -> bool:
    """Whether a line is part of a picture."""
    return " running" in line or "log log" in line or line.startswith("● ")


@pytest.mark.slow
@pytest.mark.parametrize(("step", "pause"), [(1, 0.1), (1, 0.3), (3, 0.1)])
def test_drag(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path, step: int, pause: float) -> None:
    """Nothing of a picture is pushed out of the screen while somebody makes the window narrower bit by bit."""
    seen = resized(engine, tmux(81, 24), tmp_path, [(81 - step * n, 24) for n in range(1, 11)], pause)
    assert seen.screen[0] == "BEFORE" and seen.scrolled == 0, seen
    assert sum(bool(FOOTER.match(line)) for line in seen.screen) == 1, seen.screen
    assert seen.end[0] == "BEFORE" and re.match(r"^(8|9) steps, ", seen.end[1]), seen.end
    assert not any(map(is_of_picture, seen.end)), seen.end


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((120, 30), [(80, 30), (60, 30), (45, 30)]),
        ((120, 30), [(60, 30), (120, 30), (60, 30), (120, 30), (60, 30)]),
        ((80, 24), [(50, 12), (30, 8)]),
    ],
    ids=str,
)
def test_jumps(
    engine: Engine,
    tmux: Callable[..., Tmux],
    tmp_path: Path,
    size: tuple[int, int],
    sizes: list[tuple[int, int]],
) -> None:
    """On the screen is one picture, whatever the terminal has broken and pushed out; only the first jump pushes anything out."""
    terminal = tmux(*size)
    seen = resized(engine, terminal, tmp_path, sizes, 0.5)
    columns, rows = sizes[-1]
    # From its first line, which is cut to the new width, to its last.
    assert seen.screen[0].startswith(("● ", "✓ ")), seen.screen
    assert all(len(line) <= room(columns) for line in seen.screen) and len(seen.screen) < rows, seen.screen
    assert sum(bool(re.match(r"^\d+ running", line)) for line in seen.screen) == 1, seen.screen
    # No more than the first picture.
    left = [line for line in seen.end if line.startswith("● ")]
    assert len(left) <= 8 and not any(" running" in line for line in seen.end), seen.end
    (summary,) = [at for at, line in enumerate(seen.end) if re.match(r"^(8|9) steps, ", line)]
    assert not any(map(is_of_picture, seen.end[summary:])), seen.end


@pytest.mark.parametrize("size", [(80, 3), (80, 2), (80, 1), (20, 8), (2, 2)], ids=str)
def test_tiny(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path, size: tuple[int, int]) -> None:
    """The picture is no higher than the screen: nothing is scrolled out of it."""
    columns, rows = size
    terminal = tmux(columns, rows)
    script = f": {uuid.uuid4().hex}; while :; do echo line $((i+=1)); sleep 0.1; done"
    terminal.start(engine, query(document(tmp_path, [script, f"{script}; :"])))
    if rows > 1:
        terminal.wait(lambda lines: any(line.strip() for line in lines))
    deadline = time.monotonic() + 2
    seen: set[tuple[str, ...]] = set()
    while time.monotonic() < deadline:
        seen.add(tuple(terminal.screen()))
        assert terminal.scrolled() == 0, terminal.screen()
        time.sleep(0.05)
    assert (len(seen) > 1) == (rows > 1 and columns > 2), "it moves, where there is room for it"
    assert all(len(line) <= columns for lines in seen for line in lines)


def test_stopped_and_continued(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path) -> None:
    """After Ctrl-Z and `fg` the picture is below what the shell has said, which stays."""
    terminal = tmux(100, 40)
    command = query(document(tmp_path, [f": {uuid.uuid4().hex}; echo seen; sleep 3"]))
    # What a shell with jobs does, by the signals that it sends.
    script = f"{command} & p=$!; read x; kill -STOP $p; echo STOPPED; sleep 0.5; echo SAID; kill -CONT $p; wait $p; echo status $?"
    terminal.start(engine, script)
    terminal.wait(lambda lines: "    │ seen" in lines)
    terminal.press("Enter")
    lines = terminal.wait(lambda lines: "SAID" in lines and FOOTER.match(lines[-1]) is not None)
    said = lines.index("SAID")
    # The old picture is what it was, and so is what came below it.
    assert lines[said - 1] == "STOPPED" and sum(bool(FOOTER.match(line)) for line in lines) == 2, lines
    lines = terminal.wait(lambda lines: "END" in lines)
    assert lines[said - 1 : said + 1] == ["STOPPED", "SAID"] and re.match(r"^2 steps, ", lines[said + 1]), (
        lines
    )
    assert "status 0" in lines and not any(FOOTER.match(line) for line in lines[said:]), lines


@pytest.mark.parametrize("way", ["query", "run"])
def test_interrupt(engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path, way: str) -> None:
    """What ran stays on the screen, with the summary; the cursor is below it, and is shown."""
    terminal = tmux(100, 40)
    path = document(tmp_path, [f": {uuid.uuid4().hex}; echo waiting; sleep 60"])
    command = query(path)
    if way == "run":
        inner = f"{binary()} query --doc {shlex.quote(str(path))} >/dev/null"
        command = f"{binary()} run --progress tty sh -c {shlex.quote(inner)}"
    # The shell of the terminal goes on.
    terminal.start(engine, f"trap : INT; echo BEFORE; {command}; echo status $?")
    terminal.wait(lambda lines: "    │ waiting" in lines)
    terminal.press("C-c")
    lines = terminal.wait(lambda lines: "END" in lines)
    assert lines[0] == "BEFORE", lines
    (cancelled,) = [at for at, line in enumerate(lines) if line.startswith("- sh -c ")]
    assert re.match(r"^- sh -c ': \w+; echo waiting; sleep 60'  \d+\.\ds  cancelled$", lines[cancelled])
    assert re.match(r"^2 steps, .*1 cancelled.* in \d+\.\ds", lines[cancelled + 1]), lines
    assert "status 130" in lines, lines
    assert not any(FOOTER.match(line) or line.startswith("●") for line in lines), lines
    shown, row = terminal.cursor()
    assert shown and row == lines.index("END") + 1


def test_what_commands_write_cannot_break_the_picture(
    engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path
) -> None:
    """Progress bars of carriage returns, colours, tabs, escape sequences, wide and joined characters, long lines."""
    terminal = tmux(80, 30)
    odd = (
        r"printf '10%%\r50%%\r100%%\n'; printf '\033[31mred\033[0m\tend\n'; "
        r"printf '\033[2J\033[H\033[?25l\033[?1049h\033]0;title\007a\b\b\b\vb\n'; "
        r"printf '👨‍👩‍👧 é 字字 \342\200\256rtl\n'; printf '\377\376bytes\n'; "
        "i=0; while [ $i -lt 50 ]; do printf '字é\\t'; i=$((i+1)); done; echo"
    )
    scripts = [f": {uuid.uuid4().hex}; sleep 1; {part}; sleep 3" for part in (odd, "echo fine")]
    terminal.start(engine, f"echo BEFORE; {query(document(tmp_path, scripts))}")
    lines = terminal.wait(lambda lines: "    │ fine" in lines and any("bytes" in line for line in lines))
    assert lines[0] == "BEFORE"
    shown = [line.removeprefix("    │ ") for line in lines if line.startswith("    │ ")]
    # Of each step the last three lines.
    shown.remove("fine")
    assert shown[:2] == ["👨‍👩‍👧 é 字字 rtl", "��bytes"], shown
    assert re.match(r"^字é    字é    .*…$", shown[2]), shown
    assert FOOTER.match(lines[-1]) and terminal.cursor()[0]
    lines = terminal.wait(lambda lines: "END" in lines)
    assert lines[0] == "BEFORE" and re.match(r"^3 steps, ", lines[1]), lines
    assert terminal.scrolled() == 0


@pytest.mark.slow
def test_thousands_of_steps_on_a_terminal_of_changing_size(
    engine: Engine, tmux: Callable[..., Tmux], tmp_path: Path
) -> None:
    """One picture at a time, whatever the size becomes while it changes."""
    terminal = tmux(80, 30)
    steps = 1_500
    path = document(tmp_path, [f": {uuid.uuid4().hex}; echo {'line ' * 30}{n}" for n in range(steps)])
    terminal.start(engine, f"echo BEFORE; {query(path)}")
    terminal.wait(lambda lines: bool(lines) and bool(FOOTER.match(lines[-1])))
    for columns, rows in ((60, 20), (300, 50), (80, 30)):
        terminal.resize(columns, rows)
        for _ in range(5):
            time.sleep(0.15)
            lines = terminal.screen()
            if "END" in lines:
                break
            footers = [at for at, line in enumerate(lines) if re.match(r"^\d+ running", line)]
            assert footers == [len(lines) - 1], lines
            assert all(len(line) <= columns for line in lines) and len(lines) <= rows
    lines = terminal.wait(lambda lines: "END" in lines, seconds=120)
    assert not any("running" in line or line.startswith("●") for line in lines), lines
    assert any(re.match(rf"^({steps}|{steps + 1}) steps, ", line) for line in lines), lines


@dataclass
class Seen:
    """What a command wrote on a terminal, and what that cost it."""

    text: str
    cpu_s: float
    wall_s: float


def on_terminal(engine: Engine, command: list[str], columns: int, rows: int) -> Seen:
    """Runs a command on a terminal of a size. Processor time is that of the command, not of the engine."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    start = time.monotonic()
    process = subprocess.Popen(
        command, env={**engine.env, "TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=other
    )
    os.close(other)
    text = b""
    while True:
        try:
            part = os.read(main, 1 << 16)
        except OSError:
            break
        if not part:
            break
        text += part
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    os.close(main)
    return Seen(text.decode(), usage.ru_utime + usage.ru_stime, time.monotonic() - start)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "columns", "rows"), [(5_000, 300, 50), (1_000, 80, 24), (1_000, 60, 24)])
def test_thousands_of_steps(engine: Engine, tmp_path: Path, steps: int, columns: int, rows: int) -> None:
    """In one session: few frames, each a small synchronized update, and hardly any work for the client."""
    with engine.session():
        pass
    path = document(tmp_path, [f": {uuid.uuid4().hex}; echo {n}" for n in range(steps)])
    seen = on_terminal(engine, [binary(), "query", "--progress", "tty", "--doc", str(path)], columns, rows)
    assert f"{steps + 1} steps" in seen.text or f"{steps} steps" in seen.text
    frames = re.findall(r"\x1b\[\?2026h.*?\x1b\[\?2026l", seen.text, re.DOTALL)
    assert 5 < len(frames) <= seen.wall_s * 10 + 2
    # Nothing is cleared, no cursor is hidden, no other screen is used.
    assert not re.search(r"\x1b\[(2J|3J|H|\?25l|\?1049h)", seen.text)
    # What is written outside of frames is the end: no picture, but the summary.
    outside = re.sub(r"\x1b\[\?2026h.*?\x1b\[\?2026l", "", seen.text, flags=re.DOTALL)
    assert outside.count("\n") < 12 and "\x1b" not in outside, outside
    # A whole picture of lines that are all new, with colours.
    assert max(map(len, frames)) < rows * (columns + 50)
    # A share of a processor would depend on how quickly the engine is; builds for debugging take 0.5 ms.
    assert seen.cpu_s / steps < 0.0025, f"{seen.cpu_s} s"
    share = 100 * seen.cpu_s / seen.wall_s
    print(
        f"{steps} steps: {len(frames)} frames, {len(seen.text)} bytes, "
        f"{seen.cpu_s:.2f} s of {seen.wall_s:.1f} s, {share:.1f} %"
    )
