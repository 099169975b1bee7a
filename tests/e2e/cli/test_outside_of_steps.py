"""What fails outside of steps is shown like a step that failed: images that are not there, files, exports."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from pathlib import Path

import pytest
from engine import Engine
from images import random_image
from registry import Registry
from slow import Slow


def missing(registry: Registry) -> tuple[str, str]:
    """A reference that there is not, and a document that starts from it."""
    reference = f"127.0.0.1:{registry.port}/nope-{uuid.uuid4().hex[:8]}:1"
    return reference, f'{{ container {{ from(address: "{reference}") {{ sync }} }} }}'


def shown(engine: Engine, document: str, *, ok: bool = False, **variables: str) -> str:
    """What a query writes on standard error, with a status that says how it ended."""
    env = {**engine.env, "TERM": "xterm", **variables}
    done = engine.kukri("query", document, env=env, check=False)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stderr


@pytest.mark.parametrize("mode", ["tty", "dots", "report"])
def test_an_image_that_is_not_there_is_a_failed_line(engine: Engine, registry: Registry, mode: str) -> None:
    reference, document = missing(registry)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(engine, document, KUKRI_PROGRESS=mode))
    before, error = text.split("error: ")
    assert re.search(rf"^✗ resolve {reference}  \d+\.\ds\n  └ .*{reference}.*not", before, re.MULTILINE), text
    assert before.count(f"✗ resolve {reference}") == 1 or mode == "tty", text
    assert re.search(r"^0 steps, 1 failed, 1 transfer in ", before, re.MULTILINE), text
    assert reference in error and "\nat: container.from" in error
    if mode == "dots":
        assert text.startswith("F\n")


def test_plain_and_json(engine: Engine, registry: Registry) -> None:
    reference, document = missing(registry)
    lines = shown(engine, document, KUKRI_PROGRESS="plain").splitlines()
    assert lines[0] == f"#1 resolve {reference}"
    assert lines[1].startswith("#1 ERROR ") and reference in lines[1]
    events = [
        json.loads(line)
        for line in shown(engine, document, KUKRI_PROGRESS="json").splitlines()
        if line.startswith("{")
    ]
    started, finished = events
    assert (started["event"], started["kind"]) == ("span_started", "resolve")
    assert finished["id"] == started["id"] and finished["time_ns"] > started["time_ns"]
    assert finished["outcome"]["status"] == "failed" and reference in finished["outcome"]["message"]


def test_ci_services_get_an_annotation(engine: Engine, registry: Registry) -> None:
    reference, document = missing(registry)
    lines = shown(engine, document, GITHUB_ACTIONS="true").splitlines()
    title = f"resolve {reference}".replace(":", "%3A")
    (annotation,) = [line for line in lines if line.startswith("::error")]
    assert annotation.startswith(f"::error title={title}::") and reference in annotation.split("::")[2]
    said = shown(engine, document, GITLAB_CI="true")
    assert f"\x1b[31;1mERROR: resolve {reference}: " in said


def test_a_run_of_nothing_else_is_kept(fresh: Engine, registry: Registry) -> None:
    reference, document = missing(registry)
    shown(fresh, document)
    (run,) = json.loads(fresh.kukri("trace", "ls", "--json").stdout)
    assert (run["failed"], run["steps"], run["transfers"]) == (1, 0, 1)
    text = fresh.kukri("trace", "show").stdout
    assert re.search(rf"FAILED +\d+\.\ds  resolve {reference}\n +.*{reference}", text), text
    (step,) = json.loads(fresh.kukri("trace", "show", "--json").stdout)["steps"]
    assert (step["label"], step["kind"], step["state"]) == (f"resolve {reference}", "resolve", "failed")


def test_the_same_failure_is_told_once(fresh: Engine, registry: Registry, own_python: str) -> None:
    """However many branches start from the image; and it is found when it is there."""
    reference, document = missing(registry)
    program = f"""
import asyncio, dagger

async def main():
    async with dagger.connection():
        image = dagger.dag.container().from_("{reference}")
        for _ in range(2):
            asked = [image.with_exec(["echo", str(n)]).stdout() for n in range(8)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(answer, dagger.QueryError) for answer in answers), answers

asyncio.run(main())
"""
    done = fresh.kukri("run", own_python, "-c", program)
    assert done.stderr.count(" ERROR ") == 1, done.stderr
    with fresh.session() as session:
        with pytest.raises(Exception, match=re.escape(reference)):
            session.query(document)
        registry.push(reference.partition("/")[2], random_image(registry.data / "made", [10]))
        session.query(document)


def test_a_quick_answer_has_no_line_and_a_slow_one_has(
    engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    name = f"there-{uuid.uuid4().hex[:8]}:1"
    registry.push(name, random_image(tmp_path / "image", [10]))
    document = '{{ container {{ from(address: "127.0.0.1:{}/{}") {{ rootfs {{ entries }} }} }} }}'
    assert "resolve" not in shown(engine, document.format(registry.port, name), ok=True)
    with contextlib.closing(Slow(registry.port, 0, wait=2.5)) as slow:
        port = slow.url.rpartition(":")[2]
        lines = shown(engine, document.format(port, name), ok=True).splitlines()
    assert lines[0] == f"#1 resolve 127.0.0.1:{port}/{name}"
    took = re.fullmatch(r"#1 DONE (\d+\.\d)s", lines[1])
    assert took and float(took[1]) >= 2.5, lines


def test_what_only_moves_files(engine: Engine, registry: Registry, tmp_path: Path) -> None:
    """What cannot be read, written or published."""
    (tmp_path / "file").write_text("")
    for document, label in [
        ('{ host { directory(path: "nope") { entries } } }', "sync nope"),
        ('{ host { file(path: "nope") { contents } } }', "sync ./nope"),
        (
            '{ directory { withNewFile(path: "a", contents: "") { export(path: "file") } } }',
            "export directory to",
        ),
        ('{ file(name: "a", contents: "") { export(path: "file/below") } }', "export file to file/below"),
        (
            '{ container { withNewFile(path: "/a", contents: "") { publish(address: "127.0.0.1:9/a:1") } } }',
            "publish 127.0.0.1:9/a:1",
        ),
    ]:
        done = engine.kukri("query", document, check=False, cwd=tmp_path)
        assert re.search(rf"^#1 {re.escape(label)}", done.stderr, re.MULTILINE), done.stderr
        assert re.search(r"^#1 ERROR ", done.stderr, re.MULTILINE), done.stderr
