"""Tells the session which line of the program a failed step comes from, for the page of a CI service."""

from __future__ import annotations

import http.client
import json
import os
from typing import TYPE_CHECKING

from dagger._http import authorization

if TYPE_CHECKING:
    from dagger._errors import QueryError
    from dagger._params import Params

LIMIT = 2.0
"""Seconds that this may take; it is part of no answer."""


def annotate(params: Params, error: QueryError) -> None:
    """Tells the session of a failed step, where one line of a file made it.

    Args:
        params: Where the session listens.
        error: What has failed.
    """
    step = error.error.extensions.get("step")
    if not isinstance(step, int) or len(error.source) != 1:
        return
    file = os.path.abspath(error.source[0].file)
    if not os.path.isfile(file):
        # Typed in, or made by a program.
        return
    body = json.dumps({"step": step, "file": file, "line": error.source[0].line})
    connection = http.client.HTTPConnection("127.0.0.1", params.port, timeout=LIMIT)
    try:
        connection.request("POST", "/v1/source", body, {"Authorization": authorization(params.token)})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        # The error itself is what matters. Sessions of other implementations do not know the path.
        pass
    finally:
        connection.close()
