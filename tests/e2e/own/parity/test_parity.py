"""The public names, signatures and defaults of the original's client: ours has them, or a reason not to."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagger
import pytest
from engine import ROOT

sys.path.insert(0, str(Path(__file__).parent))

from explained import DIFFERENT, MISSING

DUMP = Path(__file__).with_name("dump.py")


def dumped(python: str, *options: str) -> dict[str, Any]:
    """What the program says about the `dagger` of an interpreter."""
    done = subprocess.run([python, *options, str(DUMP)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def snake(name: str) -> str:
    """A name of the API as Python writes it; words that are all capitals lose their underscores."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def left_out() -> dict[str, str]:
    """Names that the engine leaves out of the API, each with why."""
    found: dict[str, str] = {}
    for line in (ROOT / "schema/coverage/left-out.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        subject, _, group = line.partition(" | ")
        kind, name = subject.split(" ")
        if kind == "field":
            owner, field = name.split(".")
            for one in {owner, "Client" if owner == "Query" else owner}:
                found[f"dagger.{one}.{snake(field)}"] = group
        else:
            found |= {f"dagger.{name}": group, f"dagger.{name}ID": group}
            found |= {f"dagger.{one}.load_{snake(name)}_from_id": group for one in ("Client", "Query")}
    return found


def parameters(place: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """How signatures differ."""
    if theirs.get("parameters") is None:
        return
    wanted = {one["name"]: one for one in theirs["parameters"]}
    found = {one["name"]: one for one in ours.get("parameters") or []}
    if [name for name in found if name in wanted] != list(wanted):
        yield f"{place} parameters: {list(found)}, not {list(wanted)}"
    for name, one in found.items():
        if name not in wanted:
            yield f"{place}({name}) is more"
            continue
        for key in ("kind", "default", "type"):
            own, other = (str(side[key]).replace("Self", place.split(".")[1]) for side in (one, wanted[name]))
            if key == "default" and "unset" in other.lower() and "unset" in own.lower():
                continue
            if sorted(own.replace("os.", "").split(" | ")) != sorted(other.replace("os.", "").split(" | ")):
                yield f"{place}({name}) {key}: {own}, not {other}"
    if theirs["gives"]:
        # Nothing is `Void` or `None` there.
        own, other = (
            re.sub(r"\bVoid( \| None)?", "None", side["gives"].replace("Self", place.split(".")[1]))
            for side in (ours, theirs)
        )
        if own != other:
            yield f"{place} gives {own}, not {other}"
    if theirs["awaited"] != ours["awaited"]:
        yield f"{place} awaited: {ours['awaited']}"


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Everything that is different; what is missing begins with a minus."""
    for module, names in theirs.items():
        if module not in ours:
            yield f"-{module}"
            continue
        for name, their in names.items():
            place = f"{module}.{name}"
            own = ours[module].get(name)
            if own is None:
                yield f"-{place}"
            elif own["what"] != their["what"]:
                yield f"{place} what: {own['what']}, not {their['what']}"
            elif their["what"] == "enum":
                if own["members"] != their["members"]:
                    yield f"{place} members: {own['members']}, not {their['members']}"
            elif their["what"] in ("class", "error"):
                if not {"Type", "Root"} & set(their["bases"]) and their["what"] == "class":
                    yield from parameters(
                        place, {**their, "gives": "", "awaited": False}, {**own, "awaited": False}
                    )
                elif their["what"] == "error" and not set(their["bases"]) <= set(own["bases"]):
                    yield f"{place} bases: {own['bases']}, not {their['bases']}"
                for member, method in their["members"].items():
                    if member not in own["members"]:
                        yield f"-{place}.{member}"
                    elif method.get("parameters") is not None:
                        yield from parameters(f"{place}.{member}", method, own["members"][member])
            elif their["what"] == "function":
                yield from parameters(place, {**their, "gives": ""}, own)


@pytest.fixture(scope="module")
def theirs(official_python: str) -> dict[str, Any]:
    # `-E`: without the path to our package, if the environment has it.
    return dumped(official_python, "-E")


def test_every_difference_is_explained(theirs: dict[str, Any]) -> None:
    engine = left_out()
    used: set[str] = set()

    def is_explained(difference: str) -> bool:
        if difference.removeprefix("-") in engine:
            return True
        missing = difference.startswith("-")
        for pattern in MISSING if missing else DIFFERENT:
            matched = re.fullmatch(f"-{pattern}", difference) if missing else re.match(pattern, difference)
            if matched:
                used.add(pattern)
                return True
        return False

    found = list(differences(theirs, dumped(sys.executable)))
    assert [one for one in found if not is_explained(one)] == []
    assert {*MISSING, *DIFFERENT} - used == set(), "explained, but no different"


def of_theirs(python: str, code: str) -> list[str]:
    """What a line of Python prints with the original's package."""
    done = subprocess.run([python, "-E", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_every_module_is_there_or_says_why_not(official_python: str) -> None:
    modules = of_theirs(
        official_python,
        "import dagger, pkgutil; print(*(one.name for one in pkgutil.walk_packages(dagger.__path__, 'dagger.')))",
    )
    public = [name for name in modules if "._" not in name]
    assert {"dagger.mod", "dagger.client.gen", "dagger.log"} <= set(public)
    absent = {"dagger.client.base", "dagger.mod", "dagger.mod.cli", "dagger.telemetry"}
    for name in public:
        if name not in absent:
            importlib.import_module(name)
            continue
        with pytest.raises(ModuleNotFoundError, match=r"^dagger\.[\w.]+ is (not there|for writing modules)"):
            importlib.import_module(name)


@pytest.mark.parametrize("module", ["dagger.client.gen", "dagger.provisioning"])
def test_modules_have_what_the_package_has(official_python: str, module: str) -> None:
    """Whether that is the same as theirs is compared where it is in `dagger`."""
    wanted = of_theirs(official_python, f"import {module}; print(*{module}.__all__)")
    ours = importlib.import_module(module).__all__
    assert len(wanted) > 5
    assert [name for name in wanted if name not in ours and name in dagger.__all__] == []


def test_the_comparison_sees_differences(theirs: dict[str, Any]) -> None:
    def changed(*way: str, value: object) -> list[str]:
        copy = json.loads(json.dumps(theirs))
        at = copy
        for word in way[:-1]:
            at = at[int(word)] if isinstance(at, list) else at[word]
        if value is None:
            del at[way[-1]]
        else:
            at[way[-1]] = value
        return list(differences(theirs, copy))

    method = ("dagger", "Container", "members", "with_exec")
    first = (*method, "parameters")
    assert "ModuleSource" in theirs["dagger"], "this is the original"
    assert not list(differences(theirs, theirs))
    assert changed("dagger", "Container", value=None) == ["-dagger.Container"]
    assert changed(*method, value=None) == ["-dagger.Container.with_exec"]
    assert changed(*method, "awaited", value=True) == ["dagger.Container.with_exec awaited: True"]
    assert changed(*method, "gives", value="str")[0].startswith("dagger.Container.with_exec gives str")
    assert changed(*first, value=[])[0].startswith("dagger.Container.with_exec parameters: []")
    for key in ("kind", "type", "default"):
        assert changed(*first, "0", key, value="other")[0].startswith(
            "dagger.Container.with_exec(args) " + key
        )
    assert changed("dagger", "ReturnType", "members", "ANY", value="A")[0].startswith(
        "dagger.ReturnType members"
    )
    assert changed("dagger", "ExecError", "bases", value=[])[0].startswith("dagger.ExecError bases")


@pytest.mark.parametrize("name", sorted(left_out()))
def test_a_name_that_is_left_out_says_so(name: str) -> None:
    package, *way = name.split(".")
    assert package == "dagger"
    owner: Any = dagger
    if len(way) > 1:
        owner = dagger.dag if way[0] in ("Client", "Query") else getattr(dagger.dag, way[0].lower())()
    with pytest.raises(AttributeError, match="does not serve"):
        getattr(owner, way[-1])
