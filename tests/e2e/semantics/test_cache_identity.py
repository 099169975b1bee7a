"""What makes two steps the same step (protocol section 5.16, rules 1 and 2). Executions are counted in the container."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from counting import Runs, unique
from engine import Engine


@pytest.mark.parametrize(
    "step",
    [
        'withEnvVariable(name: "A", value: "1")',
        'withUser(name: "nobody")',
        'withWorkdir(path: "/tmp")',
        'withMountedTemp(path: "/t")',
        'withNewFile(path: "/f", contents: "1")',
        'withMountedSecret(path: "/s", source: SECRET)',
    ],
)
def test_5_16_1_what_the_command_can_see_belongs_to_the_identity(q: Any, step: str) -> None:
    runs, base = Runs(), unique()
    step = step.replace("SECRET", q.secret("identity", "v"))
    if "nobody" in step:
        q.sh("chmod 777 /runs", runs.mount(q) + base)
    runs.run(q, base)
    runs.run(q, base)
    assert runs.count(q) == 1
    runs.run(q, base + step)
    assert runs.count(q) == 2
    runs.run(q, base + step)
    assert runs.count(q) == 2


@pytest.mark.parametrize(
    ("step", "other"),
    [
        ('withLabel(name: "a", value: "1")', 'withLabel(name: "a", value: "2")'),
        ('withAnnotation(name: "a", value: "1")', 'withAnnotation(name: "a", value: "2")'),
        ("withExposedPort(port: 80)", 'withExposedPort(port: 80, description: "web")'),
        ('withEntrypoint(args: ["x"])', 'withEntrypoint(args: ["y"])'),
        ('withDefaultArgs(args: ["x"])', "withoutDefaultArgs"),
        ('withDockerHealthcheck(args: ["x"])', 'withDockerHealthcheck(args: ["x"], retries: 2)'),
    ],
)
def test_5_16_1_what_earlier_steps_said_about_the_image_belongs_to_it_too(
    q: Any, step: str, other: str
) -> None:
    runs, base = Runs(), unique()
    for before, count in [("", 1), (step, 2), (other, 3), (step, 3), ("", 3)]:
        runs.run(q, base + before)
        assert runs.count(q) == count, before
    # What comes after the command does not.
    runs.run(q, base, after=step)
    assert runs.count(q) == 3


def test_5_16_1_arguments_and_standard_input_belong_to_it(q: Any) -> None:
    runs, base = Runs(), unique()
    for script, options in [
        ("true", {}),
        ("true 2", {}),
        ("true", {"stdin": '"a"'}),
        ("true", {"stdin": '"b"'}),
    ]:
        runs.run(q, base, script, **options)
        runs.run(q, base, script, **options)
    assert runs.count(q) == 4


def test_5_16_1_volatile_values_do_not_count(q: Any) -> None:
    runs, base = Runs(), unique()
    said = {
        runs.run(q, base + f'withVolatileVariable(name: "V", value: "{value}")', "echo $V")
        for value in ["one", "two"]
    }
    assert runs.count(q) == 1
    assert said == {"one\n"}, "the later value was never used"


def test_5_16_1_the_value_of_a_secret_does_not_count(
    engine: Engine, asker: Any, q: Any, tmp_path: Path
) -> None:
    runs, base = Runs(), unique()
    for value in ["one", "two"]:
        with engine.session(workdir=tmp_path) as session:
            own = asker(session)
            runs.run(
                own,
                base
                + f"""withSecretVariable(name: "S", secret: {own.secret("value", value)})
                      withMountedSecret(path: "/s", source: {own.secret("value", value)})""",
            )
    assert runs.count(q) == 1
    # Its name does.
    runs.run(q, base + f'withSecretVariable(name: "S", secret: {q.secret("other name", "one")})')
    assert runs.count(q) == 2


def test_5_16_1_a_value_that_was_set_again_does_not_count(q: Any) -> None:
    runs, base = Runs(), unique()
    for value in ["one", "two"]:
        runs.run(q, base + f'withSecretVariable(name: "S", secret: {q.secret("again", value)})')
    assert runs.count(q) == 1


def test_5_13_the_value_of_a_clients_secret_counts_unless_a_key_stands_for_it(
    engine: Engine, asker: Any, q: Any, tmp_path: Path
) -> None:
    def run(value: str, *more: str) -> None:
        other = Engine(engine.root, None)
        other.env = {**engine.env, "TOKEN": value}
        with other.session(workdir=tmp_path) as session:
            own = asker(session)
            secret = own.id(f"secret({', '.join(['uri: ' + json.dumps('env://TOKEN'), *more])})")
            runs.run(own, base + f'withSecretVariable(name: "T", secret: {secret})')

    runs, base = Runs(), unique()
    for value, more, count in [
        ("one", [], 1),
        ("one", [], 1),
        ("two", [], 2),
        ("one", ['cacheKey: "mine"'], 3),
        ("two", ['cacheKey: "mine"'], 3),
        ("two", ['cacheKey: "yours"'], 4),
    ]:
        run(value, *more)
        assert runs.count(q) == count, (value, more)


def test_5_16_1_neither_a_volume_nor_the_clock_counts(q: Any) -> None:
    runs, base = Runs(), unique()
    for _ in range(3):
        runs.run(q, base, "date +%s%N > /runs/changed; date")
        time.sleep(1.1)
    assert runs.count(q) == 1


def test_5_16_2_a_failed_exec_runs_again(q: Any) -> None:
    runs, base = Runs(), unique()
    for number in [1, 2, 3]:
        q.fails("sh", "echo x >> /runs/log; exit 3", runs.mount(q) + base)
        assert runs.count(q) == number


@pytest.mark.parametrize("expect", ["FAILURE", "ANY"])
def test_5_16_2_an_accepted_failure_does_not(q: Any, expect: str) -> None:
    runs, base = Runs(), unique()
    for _ in range(2):
        assert runs.run(q, base, "exit 3", leaf="exitCode", expect=expect) == 3
    assert runs.count(q) == 1


def test_5_16_2_an_exec_after_a_failed_one_is_not_kept_either(q: Any) -> None:
    runs, base = Runs(), unique()
    after = 'withExec(args: ["sh", "-c", "echo y >> /runs/log"])'
    for _ in range(2):
        q.fails("sh", "exit 1", runs.mount(q) + base, after)
    assert runs.count(q) == 0
