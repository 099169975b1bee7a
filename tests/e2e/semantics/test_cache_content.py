"""Inputs count by what they hold, not by where they come from (protocol section 5.16, rules 1 and 4)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from counting import Runs, unique
from engine import Engine


def host_directory(session: Any, path: str) -> str:
    answer = session.query(f"{{ host {{ directory(path: {json.dumps(path)}) {{ id }} }} }}")
    return json.dumps(answer["host"]["directory"]["id"])


@pytest.mark.parametrize("step", ["withMountedDirectory", "withDirectory"])
def test_5_16_4_equal_content_hits_whatever_its_path_and_times(q: Any, tmp_path: Path, step: str) -> None:
    for number, name in enumerate(["one", "two"]):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "f").write_text("same")
        os.utime(tmp_path / name / "sub" / "f", (10**9 + number, 10**9 + number))
    runs, base = Runs(), unique()
    for directory in [
        host_directory(q.session, "one"),
        host_directory(q.session, "two"),
        q.dir_id(sub__f="same"),
    ]:
        runs.run(q, base + f'{step}(path: "/m", source: {directory})')
    assert runs.count(q) == 1
    (tmp_path / "three").mkdir()
    runs.run(q, base + f'{step}(path: "/m", source: {host_directory(q.session, "three")})')
    assert runs.count(q) == 2


def test_5_16_4_equal_content_of_another_client_hits(
    engine: Engine, asker: Any, q: Any, tmp_path: Path
) -> None:
    runs, base = Runs(), unique()
    for name in ["here", "there"]:
        workdir = tmp_path / name
        (workdir / "src").mkdir(parents=True)
        (workdir / "src" / "main.py").write_text("print()\n")
        with engine.session(workdir=workdir) as session:
            source = host_directory(session, "src")
            runs.run(asker(session), base + f'withMountedDirectory(path: "/src", source: {source})')
    assert runs.count(q) == 1


def test_5_16_4_modes_count(q: Any, tmp_path: Path) -> None:
    runs, base = Runs(), unique()
    for name, mode in [("a", 0o644), ("b", 0o755)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
        (tmp_path / name / "f").chmod(mode)
        source = host_directory(q.session, name)
        runs.run(q, base + f'withMountedDirectory(path: "/m", source: {source})')
    assert runs.count(q) == 2


def timed(q: Any, stamp: int, more: str = "") -> str:
    """The ID of a directory with one file and one time, quoted."""
    steps = f'withNewFile(path: "f", contents: "x")\nwithTimestamps(timestamp: {stamp})\n{more}'
    return json.dumps(q.dir(steps, "id"))


@pytest.mark.parametrize(
    "way",
    [
        'withMountedDirectory(path: "/m", source: TIMED)',
        'withDirectory(path: "/m", source: TIMED)',
        'withDirectory(path: "/m", source: TIMED)\nwithExec(args: ["true"])\nwithNewFile(path: "/other", contents: "")',
        'withMountedDirectory(path: "/m", source: TIMED)\nwithExec(args: ["true"])',
        'withNewFile(path: "/m/f", contents: "x")\nwithDirectory(path: "/m", source: TIMED)',
    ],
)
def test_5_10_a_command_sees_the_times_that_were_set(q: Any, way: str) -> None:
    """They are part of the identity, as those are not which files just have; once more they are known."""
    runs, base = Runs(), unique()
    for stamp, count in [(1, 1), (2, 2), (1, 2)]:
        before = base + way.replace("TIMED", timed(q, stamp))
        assert runs.run(q, before, "stat -c %Y /m/f") == f"{stamp}\n"
        assert runs.count(q) == count
    # Made in another way, but the same content and time.
    again = timed(q, 2, "withTimestamps(timestamp: 5)\nwithTimestamps(timestamp: 2)")
    assert runs.run(q, base + way.replace("TIMED", again), "stat -c %Y /m/f") == "2\n"
    assert runs.count(q) == 2


def test_5_11_a_command_sees_the_time_of_a_file(q: Any) -> None:
    for step in ["withFile", "withMountedFile"]:
        for stamp in [1, 2]:
            root = f'file(name: "f", contents: "x") {{ withTimestamps(timestamp: {stamp}) {{ id }} }}'
            file = q.session.query(f"{{ {root} }}")["file"]["withTimestamps"]["id"]
            said = q.sh("stat -c %Y /f", f'{step}(path: "/f", source: "{file}")')
            assert said == f"{stamp}\n", step


def test_5_10_times_that_were_set_are_exported(q: Any, tmp_path: Path) -> None:
    for stamp in [1, 2]:
        steps = f'withDirectory(path: "d", source: {timed(q, stamp)})\ndirectory(path: "d")'
        q.dir(steps, f'export(path: "out{stamp}")')
        assert (tmp_path / f"out{stamp}" / "f").stat().st_mtime == stamp


def test_5_16_1_times_that_were_set_end_where_a_command_took_only_what_is_in_the_files(q: Any) -> None:
    """A result without such times, and the same, stops further runs."""
    runs, base = Runs(), unique()
    for stamp in [1, 2]:
        steps = f"""
            withMountedDirectory(path: "/m", source: {timed(q, stamp)})
            withExec(args: ["cp", "/m/f", "/copy"])
            withoutMount(path: "/m")
        """
        runs.run(q, base + steps)
    assert runs.count(q) == 1


@pytest.mark.parametrize(
    "way",
    [
        'host { file(path: "used") { id } }',
        'host { directory(path: ".") { file(path: "used") { id } } }',
        'host { directory(path: ".") { filter(include: ["used"]) { file(path: "used") { id } } } }',
    ],
)
@pytest.mark.parametrize("step", ["withMountedFile", "withFile"])
def test_5_16_1_an_unrelated_file_does_not_matter(
    q: Any, engine: Engine, asker: Any, tmp_path: Path, way: str, step: str
) -> None:
    runs, base = Runs(), unique()

    def use() -> None:
        with engine.session(workdir=tmp_path) as session:
            answer = session.query(f"{{ {way} }}")
            while not isinstance(answer, str):
                (answer,) = answer.values()
            runs.run(asker(session), base + f'{step}(path: "/f", source: {json.dumps(answer)})')

    (tmp_path / "used").write_text("same")
    use()
    (tmp_path / "unrelated").write_text(str(time.time()))
    use()
    assert runs.count(q) == 1
    (tmp_path / "used").write_text("changed")
    use()
    assert runs.count(q) == 2


def test_5_16_1_one_image_under_several_names(q: Any) -> None:
    runs, base = Runs(), unique()
    command = 'withExec(args: ["sh", "-c", "echo x >> /runs/log"])'
    for name in ["busybox", "busybox:1", "alpine:3.20", "docker.io/library/busybox:latest"]:
        q.session.chain(f'from(address: "{name}")\n{runs.mount(q)}\n{base}\n{command}', "sync")
    assert runs.count(q) == 1


@pytest.mark.parametrize(
    "step",
    [
        'withoutFile(path: "/none")',
        'withoutFile(path: "/neither")',
        'withoutDirectory(path: "/none")',
        'withExec(args: ["true"])',
        'withNewFile(path: "/f", contents: "")\nwithoutFile(path: "/f")',
    ],
)
def test_5_16_1_steps_without_effect_lead_to_the_same(q: Any, step: str) -> None:
    runs, base = Runs(), unique()
    runs.run(q, base)
    runs.run(q, base + step)
    assert runs.count(q) == 1


def test_5_16_1_after_steps_without_effect_times_are_the_same_too(q: Any) -> None:
    runs, base = Runs(), unique()

    def times(name: str) -> str:
        # What looks is no hit, so it shows what the step before it left, to the nanosecond.
        look = f'{unique("LOOK")}withExec(args: ["stat", "-c", "%y", "/made"])'
        return runs.run(q, base + f'withoutFile(path: "/{name}")\n', "touch /made", look)

    first, again = times("none"), times("neither")
    assert first == again and runs.count(q) == 1
    assert first.partition(".")[2][:9].strip("0"), "busybox shows whole seconds"


def test_5_16_1_an_exec_whose_result_is_the_same_stops_further_runs(q: Any) -> None:
    runs, base = Runs(), unique()
    for number in range(3):
        made = q.ask(
            f'withExec(args: ["sh", "-c", "echo same > /out; true {number}"])', 'file(path: "/out") { id }'
        )
        runs.run(q, base + f'withMountedFile(path: "/in", source: {json.dumps(made["id"])})')
    assert runs.count(q) == 1
