"""Pipelines of containers, written in Python, run by the engine of this package.

```python
import dagger
from dagger import dag

async with dagger.connection():
    print(await dag.container().from_("alpine").with_exec(["uname", "-a"]).stdout())
```

Everything is imported when it is used first.
"""

import sys

from dagger import _gen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dagger import client as client
    from dagger import log as log
    from dagger import provisioning as provisioning
    from dagger import sync as sync
    from dagger._client import Client as Client
    from dagger._client import dag as dag
    from dagger._config import Config as Config
    from dagger._config import Retry as Retry
    from dagger._config import Timeout as Timeout
    from dagger._connection import Connection as Connection
    from dagger._connection import close as close
    from dagger._connection import connection as connection
    from dagger._errors import ClientConnectionError as ClientConnectionError
    from dagger._errors import ClientError as ClientError
    from dagger._errors import DaggerError as DaggerError
    from dagger._errors import DownloadError as DownloadError
    from dagger._errors import ExecError as ExecError
    from dagger._errors import ExecuteTimeoutError as ExecuteTimeoutError
    from dagger._errors import InvalidQueryError as InvalidQueryError
    from dagger._errors import ProvisionError as ProvisionError
    from dagger._errors import QueryError as QueryError
    from dagger._errors import QueryErrorLocation as QueryErrorLocation
    from dagger._errors import QueryErrorValue as QueryErrorValue
    from dagger._errors import SessionError as SessionError
    from dagger._errors import SourceLine as SourceLine
    from dagger._errors import TransportError as TransportError
    from dagger._errors import VersionMismatch as VersionMismatch
    from dagger._gen import *
    from dagger._sync_connection import connect as connect
    from dagger._types import Enum as Enum
    from dagger._types import Input as Input
    from dagger._types import Scalar as Scalar
    from dagger._version import __version__ as __version__

_MODULES = {
    "Client": "_client",
    "ClientConnectionError": "_errors",
    "ClientError": "_errors",
    "Config": "_config",
    "Connection": "_connection",
    "DaggerError": "_errors",
    "DownloadError": "_errors",
    "Enum": "_types",
    "ExecError": "_errors",
    "ExecuteTimeoutError": "_errors",
    "Input": "_types",
    "InvalidQueryError": "_errors",
    "ProvisionError": "_errors",
    "QueryError": "_errors",
    "QueryErrorLocation": "_errors",
    "QueryErrorValue": "_errors",
    "Retry": "_config",
    "Scalar": "_types",
    "SessionError": "_errors",
    "SourceLine": "_errors",
    "Timeout": "_config",
    "TransportError": "_errors",
    "VersionMismatch": "_errors",
    "__version__": "_version",
    "close": "_connection",
    "connect": "_sync_connection",
    "connection": "_connection",
    "dag": "_client",
}
"""Where the names are that are written by hand."""

_SUBMODULES = ("client", "log", "provisioning", "sync")
"""Modules that need no import of their own: `dagger.sync.Container`."""

__all__ = [
    "Client",
    "ClientConnectionError",
    "ClientError",
    "Config",
    "Connection",
    "DaggerError",
    "DownloadError",
    "Enum",
    "ExecError",
    "ExecuteTimeoutError",
    "Input",
    "InvalidQueryError",
    "ProvisionError",
    "QueryError",
    "QueryErrorLocation",
    "QueryErrorValue",
    "Retry",
    "Scalar",
    "SessionError",
    "SourceLine",
    "Timeout",
    "TransportError",
    "VersionMismatch",
    "__version__",
    "close",
    "connect",
    "connection",
    "dag",
]
__all__ += _gen.__all__


if not TYPE_CHECKING:  # Checkers would believe that any name exists.

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name) or _gen.MODULES.get(name)
        if name in _SUBMODULES:
            from importlib import import_module

            return import_module(f"dagger.{name}")
        if module is None:
            if name.startswith("__"):
                msg = f"module 'dagger' has no attribute {name!r}"
                raise AttributeError(msg)
            from dagger._missing import refusal

            raise refusal(sys.modules[__name__], name, sys._getframe(1))
        from importlib import import_module

        value = getattr(import_module(f"dagger.{module}"), name)
        globals()[name] = value
        return value

    class _Absent:
        """What `import` asks last: it says why modules of the original's package are not there."""

        @staticmethod
        def find_spec(name: str, _path: object = None, _target: object = None) -> None:
            if name.startswith("dagger."):
                from dagger._missing import module

                module(name, sys._getframe(2))

    sys.meta_path.append(_Absent)


def __dir__() -> list[str]:
    own = {name for name in globals() if name.startswith("_")}
    return sorted({*own, *_SUBMODULES, *__all__})
