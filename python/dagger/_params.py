"""Where a session listens."""

from __future__ import annotations

import os

from dagger._errors import ClientConnectionError

FIXED_WORKDIR = (
    "workdir cannot be chosen: the session that DAGGER_SESSION_PORT names has its own; "
    "use absolute paths instead"
)


class Params:
    """Where a session listens, and what it wants to hear.

    Attributes:
        port: TCP port on 127.0.0.1.
        token: User name of the session's basic authentication.
    """

    __slots__ = ("port", "token")

    def __init__(self, port: int, token: str) -> None:
        if not 0 < port < 65536:
            msg = f"{port} is no TCP port"
            raise ValueError(msg)
        self.port: int = port
        self.token: str = token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and (self.port, self.token) == (other.port, other.token)

    def __hash__(self) -> int:
        return hash((self.port, self.token))


def from_env() -> Params | None:
    """The session that the environment names, if it names one.

    Raises:
        ClientConnectionError: It names one, but not properly.
    """
    port = os.environ.get("DAGGER_SESSION_PORT")
    if not port:
        return None
    token = os.environ.get("DAGGER_SESSION_TOKEN")
    if not token:
        msg = "DAGGER_SESSION_PORT is set, but DAGGER_SESSION_TOKEN is not: set both, or none"
        raise ClientConnectionError(msg)
    try:
        return Params(int(port), token)
    except ValueError:
        msg = f"DAGGER_SESSION_PORT is {port!r}, which is no TCP port"
        raise ClientConnectionError(msg) from None
