"""Small documents with results that no memory holds: an error that names the limit, and an engine that goes on."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError, Session

#: Address space of the engine in bytes. What these documents ask for would take many times as much.
ROOM = 4_000_000_000


@pytest.fixture(scope="module")
def narrow(make_engine: Any) -> Engine:
    """An engine that ends when it takes much memory."""
    made: Engine = make_engine()
    with made.session() as session:
        session.query("{ version }")
        pid = made.pid()
        assert pid is not None
        resource.prlimit(pid, resource.RLIMIT_AS, (ROOM, ROOM))
    return made


@pytest.fixture
def small(narrow: Engine, tmp_path: Path) -> Iterator[Session]:
    """A session of that engine, which is the same one afterwards."""
    before = narrow.pid()
    with narrow.session(workdir=tmp_path) as session:
        yield session
        assert session.query("{ version }")
    assert narrow.pid() == before


def nested(steps: list[str], leaf: str) -> str:
    """A document with each step inside the one before."""
    return "{ container " + "".join("{ " + step for step in [*steps, leaf]) + " }" * (len(steps) + 2)


def set_to(name: str, value: str) -> str:
    """A step that expands variables."""
    return f'withEnvVariable(name: "{name}", value: "{value}", expand: true)'


def test_a_working_directory_that_doubles(small: Session) -> None:
    """It is as long as a path may be, wherever it comes from."""
    step = f'withWorkdir(path: "{"x" * 200}")'
    assert small.query(nested([step] * 20, "workdir"))
    with pytest.raises(
        GraphQLError, match="the working directory has 4221 bytes, and a path may have at most 4095"
    ):
        small.query(nested([step] * 21, "workdir"))


def test_variables_that_double(small: Session) -> None:
    """Each step is twice as long as the one before."""
    steps = [set_to("A", "xxxxxxxx"), *[set_to("A", "$A$A")] * 30]
    with pytest.raises(GraphQLError, match="longer than 131072 bytes with its variables replaced"):
        small.query(nested(steps, "workdir"))
    assert small.query(nested(steps[:15], 'envVariable(name: "A")'))


def test_variables_and_arguments_together(small: Session) -> None:
    """Many that are as long as one may be."""
    steps = [set_to("A", "xxxxxxxx"), *[set_to("A", "$A$A")] * 14]
    with pytest.raises(GraphQLError, match="the variables are longer than 6291456 bytes together"):
        small.query(nested([*steps, *[set_to(f"B{n}", "$A") for n in range(60)]], "workdir"))
    arguments = ", ".join(['"$A"'] * 60)
    with pytest.raises(GraphQLError, match="the arguments are longer than 6291456 bytes together"):
        small.query(nested([*steps, f"withExec(args: [{arguments}], expand: true)"], "workdir"))


def test_a_long_chain_of_long_variables(small: Session) -> None:
    """Fifty thousand containers with a variable of their own of 131 kB: no memory holds all of them."""
    steps = [set_to("A", "xxxxxxxx"), *[set_to("A", "$A$A")] * 13, set_to("B", "$A")]
    many = [set_to("B", f"$A {n}") for n in range(50_000)]
    body = json.dumps({"query": nested([*steps, *many], "workdir")}).encode()
    status, _, answer = small.request(body)
    # Too deep for the reader of Python.
    assert (status, b'"workdir":""' in answer) == (200, True)


@pytest.fixture
def doubled(small: Session) -> str:
    """The ID, quoted, of a directory with 2 billion paths: 30 times two of what was before."""
    directory = json.dumps(small.chain('withNewFile(path: "f", contents: "x")', "id", root="directory"))
    for _ in range(30):
        steps = "\n".join(f'withDirectory(path: "{name}", source: {directory})' for name in "ab")
        directory = json.dumps(small.chain(steps, "id", root="directory"))
    return directory


def of(directory: str, rest: str) -> str:
    """A document that asks something of a directory."""
    return f"{{ loadDirectoryFromID(id: {directory}) {{ {rest} }} }}"


def test_what_is_in_a_tree_often(small: Session, doubled: str) -> None:
    """It is hashed once, and changed once."""
    before = small.query(of(doubled, "digest"))["loadDirectoryFromID"]["digest"]
    document = of(
        doubled, 'chown(path: "/", owner: "5:5") { digest chown(path: "/", owner: "0:0") { digest } }'
    )
    owned = small.query(document)["loadDirectoryFromID"]["chown"]
    assert owned["digest"] != before == owned["chown"]["digest"]
    copy = f'{{ directory {{ withDirectory(path: "/", source: {doubled}, owner: "5:5") {{ entries }} }} }}'
    assert small.query(copy)["directory"]["withDirectory"]["entries"] == ["a/", "b/"]


@pytest.mark.parametrize(
    "rest",
    [
        'glob(pattern: "**/none")',
        'filter(exclude: ["**/none"]) { entries }',
        "AS_TARBALL",
        "MOUNTED",
    ],
)
def test_work_ends_with_its_client(narrow: Engine, small: Session, doubled: str, rest: str) -> None:
    """To visit all paths takes hours; nobody waits for it."""
    pid = narrow.pid()

    def seconds() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    steps = {
        "AS_TARBALL": f"withRootfs(directory: {doubled}) {{ asTarball {{ size }} }}",
        "MOUNTED": f"""from(address: "busybox") {{ withMountedDirectory(path: "/m", source: {doubled}) {{
            withExec(args: ["true"]) {{ stdout }} }} }}""",
    }
    document = f"{{ container {{ {steps[rest]} }} }}" if rest in steps else of(doubled, rest)
    body = json.dumps({"query": document}).encode()
    with pytest.raises(TimeoutError):
        small.request(body, timeout=2)
    end = time.monotonic() + 20
    while True:
        before = seconds()
        time.sleep(1)
        if seconds() - before < 0.3:
            break
        assert time.monotonic() < end, "the engine is busy"


def test_json_that_doubles(small: Session) -> None:
    """Each value holds the one before twice."""

    def double() -> None:
        value = json.dumps(small.chain('withContents(contents: "[1, 2]")', "id", root="json"))
        for _ in range(27):
            steps = "\n".join(f'withField(path: ["{name}"], value: {value})' for name in "ab")
            value = json.dumps(small.chain(steps, "id", root="json"))
            small.query(f"{{ loadJSONValueFromID(id: {value}) {{ fields }} }}")

    with pytest.raises(GraphQLError, match="takes more than 268435456 bytes of memory"):
        double()


def test_json_with_long_indents(small: Session) -> None:
    """A value of some kilobytes, and a text of gigabytes."""
    contents = json.dumps(f"[{'0,' * 14_000}0]")
    document = f'{{ json {{ withContents(contents: {contents}) {{ contents(pretty: true, indent: "{" " * 20_000}") }} }} }}'
    with pytest.raises(GraphQLError, match="the JSON text takes more than 268435456 bytes of memory"):
        small.query(document)


def test_an_answer_with_many_long_texts(small: Session) -> None:
    """Four hundred times 20 MB: only some of them are read at a time, and the answer has a bound."""
    write = json.dumps(["sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x"])
    aliases = " ".join(f"a{number}: stdout" for number in range(400))
    document = f'{{ container {{ from(address: "busybox") {{ withExec(args: {write}) {{ %s }} }} }} }}'
    with pytest.raises(GraphQLError, match="the answer would be larger than 536870912 bytes"):
        small.query(document % aliases)
    few = small.query(document % "a: stdout b: stdout c: stdout")["container"]["from"]["withExec"]
    assert [len(text) for text in few.values()] == [20_000_000] * 3


def test_paths_have_a_bound(small: Session, doubled: str) -> None:
    """A few nodes may stand for more paths than any memory holds."""
    for rest in ('glob(pattern: "**")', 'search(pattern: "x", limit: 5) { filePath }'):
        with pytest.raises(GraphQLError, match="the paths of the directory take more than 268435456 bytes"):
            small.query(of(doubled, rest))
    empty = json.dumps(small.chain("", "id", root="directory"))
    changes = f"{{ loadDirectoryFromID(id: {doubled}) {{ changes(from: {empty}) {{ %s }} }} }}"
    for rest in ("addedPaths", "modifiedPaths", "removedPaths", "diffStats { path }", "asPatch { size }"):
        with pytest.raises(GraphQLError, match="the paths of the changes take more than 268435456 bytes"):
            small.query(changes % rest)


def test_texts_that_are_replaced(narrow: Engine, small: Session) -> None:
    """What comes out of a step is in memory only while the next one reads it: these are ten times 134 MB."""
    longer = f'withReplaced(search: "x", replacement: "{"x" * 64}", all: true)'
    other = 'withReplaced(search: "xx", replacement: "xy", firstFrom: 1)'
    process = Path(f"/proc/{narrow.pid()}")

    def resident(what: str) -> int:
        status = (process / "status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) * 1024

    # The peak is counted anew from here on. What the tests before have left with the allocator is in it.
    (process / "clear_refs").write_text("5")
    before = resident("VmRSS")
    steps, size = "\n".join([longer] * 4 + [other] * 9), 8 * 64**4
    assert small.chain(steps, "size", root='file(name: "a", contents: "xxxxxxxx")') == size
    peak = resident("VmHWM") - before
    # A few of them: what was freed goes back to the kernel a little later, under load as much as seven times the size.
    assert peak < 10 * size, f"{peak} above {before}"


def test_what_comes_out_of_replacing_has_a_bound(small: Session) -> None:
    """A few short steps could fill any disk: it is counted before anything is written."""
    steps = [f'withReplaced(search: "x", replacement: "{"x" * by}", all: true)' for by in (1024, 1024, 1025)]
    with pytest.raises(GraphQLError, match=r"a: would have 1074790400 bytes .* \(at most 1073741824\)"):
        small.chain("\n".join(steps), "size", root='file(name: "a", contents: "x")')
