"""Where programs for the original's package find the types of the API: in `dagger.client.gen`."""

from dagger.client import gen as gen

TYPE_CHECKING = False
if not TYPE_CHECKING:  # Checkers would believe that any name exists.

    def __getattr__(name: str) -> object:
        import sys

        from dagger._missing import refusal

        raise refusal(sys.modules[__name__], name, sys._getframe(1))
