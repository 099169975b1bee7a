"""The root of the async API, and the one that all of a program share."""

from __future__ import annotations

from dagger._connection import SharedLink
from dagger._gen.query import Query


class Client(Query):
    """The root of the API: everything begins here.

    Example:
        ```python
        print(await dag.container().from_("alpine").with_exec(["uname"]).stdout())
        ```
    """

    __slots__ = ()


shared = SharedLink()

dag: Client = Client(shared, None)
"""The client that all of a program share; its session is that of the `dagger.connection()` around."""
