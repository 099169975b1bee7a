"""Fixtures for tests of pipelines, which pytest finds by itself where this package is installed.

* `dagger_session`: a session for all tests of the run. It is named in the environment, so `dagger.dag` can be
  used in tests with `async`, whatever runs them.
* `dagger_client`: the client without `async` for that session.
* `dagger_config`: the configuration of the session; to be overridden.

Nothing is started before a test asks for one of them. `-p no:dagger` turns them off.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagger import Config
    from dagger.sync import Client


@pytest.fixture(scope="session")
def dagger_config() -> Config:
    """What is chosen about the session of the tests; override it in `conftest.py`.

    Returns:
        The configuration: the default one, unless it is overridden.
    """
    from dagger import Config

    return Config()


@pytest.fixture(scope="session")
def dagger_session(dagger_config: Config) -> Iterator[None]:
    """A session for all tests of the run, which `dagger.dag` uses: that of the environment, or a new one.

    Raises:
        ProvisionError: No session could be had.
    """
    from dagger import _params

    if _params.from_env() is not None:
        yield
        return
    from dagger._process import SessionProcess

    process = SessionProcess(dagger_config)
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setitem(os.environ, "DAGGER_SESSION_PORT", str(process.params.port))
            environment.setitem(os.environ, "DAGGER_SESSION_TOKEN", process.params.token)
            yield
    finally:
        process.close()


@pytest.fixture(scope="session")
def dagger_client(dagger_config: Config, dagger_session: None) -> Iterator[Client]:  # noqa: ARG001 - it begins the session
    """The client without `async`, for the session of the tests.

    Returns:
        The client. Threads may share it.
    """
    from dataclasses import replace

    from dagger import connect

    # The session has its directory already.
    with connect(replace(dagger_config, workdir="")) as client:
        yield client
