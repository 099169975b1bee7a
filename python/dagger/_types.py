"""Bases of the generated scalars, enums and inputs."""

from __future__ import annotations

import enum
from typing import Any, ClassVar


class Scalar(str):
    """A text with a meaning of its own, such as a platform or an ID.

    Example:
        ```python
        assert dagger.Platform("linux/arm64") == "linux/arm64"
        ```
    """

    __slots__ = ()


class Enum(enum.Enum):
    """One of several words.

    Example:
        ```python
        print([member.name for member in dagger.ReturnType])
        assert dagger.ReturnType["ANY"] is dagger.ReturnType.ANY
        ```
    """

    def __str__(self) -> str:
        return str(self.value)


class Input:
    """A group of values that is given as one argument.

    Example:
        ```python
        assert dagger.PortForward(backend=80) == dagger.PortForward(80, frontend=None)
        ```
    """

    __slots__ = ()

    _fields: ClassVar[tuple[tuple[Any, ...], ...]] = ()
    """Per field: name here, name on the wire, type, and the default where there is one."""
