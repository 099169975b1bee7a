"""A road to a registry that is slow: bytes come at a pace, so that pulls take long enough to be seen, or killed in."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Slow:
    """Forwards connections to a port on loopback; what comes back comes at `rate` bytes a second and connection.

    The rate may be changed at any time; 0 is no limit. The first byte of each connection comes after `wait` seconds.
    """

    def __init__(self, port: int, rate: int, wait: float = 0) -> None:
        self._target = port
        self.rate = rate
        self._wait = wait
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """No more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, slowly: bool) -> None:
        if slowly:
            time.sleep(self._wait)
        with suppress(OSError):
            while data := source.recv(64 << 10):
                sink.sendall(data)
                if slowly and (rate := self.rate):
                    time.sleep(len(data) / rate)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
