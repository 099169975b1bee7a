"""Objects that meet other sessions than the one in which they were found."""

import dagger
import pytest
from dagger import dag


async def test_a_later_session() -> None:
    async with dagger.connection():
        container = await dag.container().from_("busybox").with_env_variable("A", "b").sync()
        variables = await container.env_variables()
    with pytest.raises(dagger.TransportError, match="the session of this object was closed"):
        await container.stdout()
    async with dagger.connection():
        assert await container.with_exec(["sh", "-c", "echo $A"]).stdout() == "b\n"
        assert [await variable.name() for variable in variables][-1] == "A"
        assert await dag.directory().with_directory("x", container.directory("/bin")).entries() == ["x/"]


async def test_sessions_beside_each_other() -> None:
    async with dagger.Connection() as one, dagger.Connection() as other:
        made = await one.directory().with_new_file("a", "b").sync()
        assert await other.directory().with_directory("d", made).glob("**") == ["d/", "d/a"]
        with dagger.connect() as client:
            plain = client.directory().with_new_file("c", "d").sync()
            # Type checkers refuse it; it works all the same.
            assert await other.directory().with_directory("d", plain).glob("**") == ["d/", "d/c"]
