"""A way to a server on loopback that is as slow as a network, so that there is something to see."""

from __future__ import annotations

import socket
import threading
import time

#: Bytes that are handed on at once.
_PIECE = 16 * 1024


class Slow:
    """Hands connections on to a port, and lets answers through at `rate` bytes per second together; 0 is no limit.

    Use it in a `with` block. `port` is where it listens.
    """

    def __init__(self, port: int, rate: int) -> None:
        self.rate = rate
        self._to = port
        self._turn = threading.Lock()

    def __enter__(self) -> Slow:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rate = 0
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            for source, target, slowly in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._copy, args=(source, target, slowly), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, slowly: bool) -> None:
        try:
            while piece := source.recv(_PIECE):
                if slowly and self.rate:
                    with self._turn:
                        time.sleep(len(piece) / self.rate)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One of them has gone: so does the other.
            source.close()
            target.close()
