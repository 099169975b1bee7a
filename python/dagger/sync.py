"""The types of the API without `async`, as `dagger.connect()` gives them: for annotations.

```python
from dagger import sync

def checked(container: sync.Container) -> sync.Container: ...
```
"""

import sys

from dagger._gen import sync as _gen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dagger._gen.sync import *
    from dagger._sync_client import Client as Client
    from dagger._sync_connection import connect as connect

_MODULES = {"Client": "_sync_client", "connect": "_sync_connection"}

__all__ = ["Client", "connect"]
__all__ += _gen.__all__


if not TYPE_CHECKING:  # Checkers would believe that any name exists.

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name) or _gen.MODULES.get(name)
        if module is None:
            msg = f"module 'dagger.sync' has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=sys.modules[__name__])
        from importlib import import_module

        value = getattr(import_module(f"dagger.{module}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
