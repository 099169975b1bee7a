"""The types of the API. They are those of `dagger`, which is the place to import them from."""

import sys

from dagger import _gen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dagger._client import Client as Client
    from dagger._client import dag as dag
    from dagger._gen import *

__all__ = ["Client", "dag"]
__all__ += _gen.__all__


if not TYPE_CHECKING:  # Checkers would believe that any name exists.

    def __getattr__(name: str) -> object:
        if name in __all__:
            import dagger

            return getattr(dagger, name)
        from dagger._missing import refusal

        raise refusal(sys.modules[__name__], name, sys._getframe(1))


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
