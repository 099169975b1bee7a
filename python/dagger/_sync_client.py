"""The root of the API without `async`."""

from __future__ import annotations

from dagger._gen.sync.query import Query


class Client(Query):
    """The root of the API: everything begins here.

    Example:
        ```python
        print(client.container().from_("alpine").with_exec(["uname"]).stdout())
        ```
    """

    __slots__ = ()
