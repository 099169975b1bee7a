"""Where programs for the original's package find what opens a connection. All of it is in `dagger`."""

from dagger._config import Config
from dagger._connection import Connection, connection
from dagger._errors import DownloadError, ProvisionError, SessionError

__all__ = [
    "Config",
    "Connection",
    "DownloadError",
    "ProvisionError",
    "SessionError",
    "connection",
]
