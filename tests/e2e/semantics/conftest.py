"""Short ways to build documents for tests of what operations mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from session import GraphQLError, Session

BUSYBOX = 'from(address: "busybox")'


class Asker:
    """A session, and the few chains that most tests need."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def ask(self, steps: str, leaf: str) -> Any:
        """A leaf of a container made from busybox."""
        return self.session.chain(f"{BUSYBOX}\n{steps}", leaf)

    def sh(self, script: str, before: str = "", after: str = "", leaf: str = "stdout", **options: str) -> Any:
        """A leaf after a shell script in busybox; `before` and `after` are steps around it."""
        extra = "".join(f", {key}: {value}" for key, value in options.items())
        exec_step = f'withExec(args: ["sh", "-c", {json.dumps(script)}]{extra})'
        return self.ask(f"{before}\n{exec_step}\n{after}", leaf)

    def dir(self, steps: str, leaf: str) -> Any:
        """A leaf of a new directory."""
        return self.session.chain(steps, leaf, root="directory")

    def dir_id(self, **files: str) -> str:
        """The ID of a directory with these files, quoted; `__` in names stands for `/`, `_dot_` for a dot."""
        steps = "\n".join(
            f"withNewFile(path: {json.dumps(name.replace('__', '/').replace('_dot_', '.'))}, contents: {json.dumps(text)})"
            for name, text in files.items()
        )
        return json.dumps(self.dir(steps, "id"))

    def file_id(self, name: str, contents: str) -> str:
        """The ID of a file, quoted."""
        return json.dumps(
            self.session.chain(
                "", "id", root=f"file(name: {json.dumps(name)}, contents: {json.dumps(contents)})"
            )
        )

    def id(self, root: str) -> str:
        """The ID of an object at the root, quoted."""
        return json.dumps(self.session.chain("", "id", root=root))

    def secret(self, name: str, value: str) -> str:
        """The ID of a secret, quoted."""
        return self.id(f"setSecret(name: {json.dumps(name)}, plaintext: {json.dumps(value)})")

    def id_of_rootfs(self, steps: str) -> str:
        """The ID of a root file system, quoted."""
        return json.dumps(self.ask(steps, "rootfs { id }")["id"])

    def session_chain(self, steps: str, leaf: str) -> Any:
        """A leaf of an empty container."""
        return self.session.chain(steps, leaf)

    def session_query(self, document: str) -> Any:
        """The answer to a whole document."""
        return self.session.query(document)

    def fails(self, *arguments: Any, **options: Any) -> GraphQLError:
        """The error of what must fail: a method's name with its arguments."""
        name, *rest = arguments
        with pytest.raises(GraphQLError) as caught:
            getattr(self, name)(*rest, **options)
        return caught.value


@pytest.fixture
def q(session: Session) -> Asker:
    """The shared engine's session."""
    return Asker(session)


@pytest.fixture(scope="session")
def asker() -> type[Asker]:
    """For sessions of a test's own."""
    return Asker
