"""Random documents over the schema of a session: mostly right, some run commands."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session import Session

_INTROSPECTION = """{ __schema { types { name kind
  fields { name args { name type { ...T } defaultValue directives { name args { value } } } type { ...T } }
  inputFields { name type { ...T } defaultValue } enumValues { name } } } }
fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name kind } } } }"""

#: What reaches beyond the engine: networks, the machine of the test, terminals, what others may be using.
_LEFT_OUT = {
    "address", "changeset", "export", "exportImage", "from", "git", "host", "http", "prune", "publish", "terminal", "up",
    "withRegistryAuth", "withoutRegistryAuth", "__schemaJSONFile",
}  # fmt: skip

#: A search for nothing in a program has some hundred thousand results. What such an answer takes would hide what is left
#: of the others.
_BOUNDS = {("search", "limit"): "1000"}

_TEXTS = [
    "",
    "a",
    "a/b",
    "c.txt",
    "/",
    "..",
    "*",
    "**/*.txt",
    "[",
    "é😀",
    "\n",
    "$A/${B}",
    "A=1\nB=${A}\n",
    '{"a": 1}',
    "10",
    "linux/arm64",
]
_NUMBERS = [0, 1, -1, 2, 420, 65_536, 2**63 - 1]

_COMMANDS = [
    [],
    ["true"],
    ["false"],
    ["no-such-command"],
    ["sh", "-c", "cat /proc/sys/kernel/random/uuid > /made; echo out; echo err >&2"],
    ["sh", "-c", "exit 3"],
    ["sh", "-c", "sleep 30 & echo $A; ls /"],
    ["sh", "-c", "yes | head -c 300000"],
]


class Generator:
    """Makes documents. The same number gives the same ones, as long as the same IDs are learned."""

    def __init__(self, session: Session, seed: int, rootfs: str) -> None:
        self.random = random.Random(seed)
        self._types = {each["name"]: each for each in session.query(_INTROSPECTION)["__schema"]["types"]}
        self._ids: dict[str, list[str]] = {}
        self._rootfs = rootfs

    def learn(self, answer: Any) -> None:
        """Keeps IDs of an answer."""
        if isinstance(answer, dict):
            for value in answer.values():
                self.learn(value)
        elif isinstance(answer, list):
            for value in answer:
                self.learn(value)
        elif isinstance(answer, str) and answer.count(".") == 2 and len(answer) < 120:
            kind = answer.partition(".")[0]
            if kind in self._types:
                known = self._ids.setdefault(kind, [])
                known.append(answer)
                del known[:-40]

    def document(self) -> str:
        """A document without commands, or with few."""
        self._fields = 0
        return self._selection("Query", self.random.randint(2, 8))

    def command(self) -> str:
        """A document that runs a command in busybox, among random steps."""
        self._fields = 0
        inner = self._selection("Container", 3)
        step = f"withExec(args: {json.dumps(self.random.choice(_COMMANDS))}{self._options()})"
        leaf = self.random.choice(
            ["stdout", "stderr", "combinedOutput", "exitCode", "sync", "rootfs { entries }"]
        )
        root = f'container {{ withRootfs(directory: "{self._rootfs}")'
        return f"{{ {root} {{ a: {step} {{ {leaf} b: {step} {inner} }} }} }} }}"

    def _options(self) -> str:
        options = [
            "",
            "",
            ", expect: ANY",
            ', stdin: "é"',
            ', redirectStdout: "/out"',
            ', redirectStderr: "x/err"',
        ]
        return self.random.choice(options)

    def _selection(self, kind: str, depth: int) -> str:
        fields = self._types[kind]["fields"] or []
        chosen = ["id" if any(field["name"] == "id" for field in fields) else "__typename"]
        chosen += [
            self._field(self.random.choice(fields), depth)
            for _ in range(self.random.randint(1, 3))
            if depth and self._fields < 12
        ]
        if self.random.random() < 0.05:
            chosen.append(f"... on {kind} @include(if: true) {{ __typename }}")
        return "{ " + " ".join(chosen) + " }"

    def _field(self, field: dict[str, Any], depth: int) -> str:
        name = field["name"]
        if name in _LEFT_OUT or (name == "withExec" and self.random.random() < 0.9):
            return "__typename"
        self._fields += 1
        kind = _base(field["type"])
        args = ", ".join(
            f"{arg['name']}: {_BOUNDS.get((name, arg['name'])) or self._value(arg['type'], arg)}"
            for arg in field["args"]
            if _required(arg) or (name, arg["name"]) in _BOUNDS or self.random.random() < 0.2
        )
        inner = self._selection(kind, depth - 1) if self._types[kind]["fields"] else ""
        return f"f{self._fields}: {name}{f'({args})' if args else ''} {inner}"

    def _value(self, written: dict[str, Any], arg: dict[str, Any]) -> str:
        if written["kind"] == "NON_NULL":
            return self._value(written["ofType"], arg)
        if written["kind"] == "LIST":
            items = [self._value(written["ofType"], arg) for _ in range(self.random.randint(0, 2))]
            return f"[{', '.join(items)}]"
        kind = self._types[written["name"]]
        if kind["kind"] == "ENUM":
            return str(self.random.choice(kind["enumValues"])["name"])
        if kind["kind"] == "INPUT_OBJECT":
            fields = [
                field for field in kind["inputFields"] if _required(field) or self.random.random() < 0.5
            ]
            return (
                "{" + ", ".join(f"{each['name']}: {self._value(each['type'], each)}" for each in fields) + "}"
            )
        if kind["name"] == "Int":
            return str(self.random.choice(_NUMBERS))
        if kind["name"] == "Boolean":
            return self.random.choice(["true", "false"])
        if kind["name"].endswith("ID"):
            return json.dumps(self._id(kind["name"].removesuffix("ID"), arg))
        return json.dumps(self.random.choice(_TEXTS))

    def _id(self, kind: str, arg: dict[str, Any]) -> str:
        expected = [each for each in arg.get("directives", []) if each["name"] == "expectedType"]
        wanted = kind or (json.loads(expected[0]["args"][0]["value"]) if expected else "")
        known = self._ids.get(wanted) or [each for ids in self._ids.values() for each in ids]
        return self.random.choice(known) if known else "Container.AAAA.AAAA"


def _base(written: dict[str, Any]) -> str:
    while written.get("ofType"):
        written = written["ofType"]
    return str(written["name"])


def _required(arg: dict[str, Any]) -> bool:
    return arg["type"]["kind"] == "NON_NULL" and arg["defaultValue"] is None
