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
