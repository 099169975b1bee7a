import pytest
from dagger import dag


def test_the_image(dagger_client):
    assert dagger_client.container().from_("alpine").with_exec(["id", "-u"]).stdout() == "0\n"


@pytest.mark.anyio
@pytest.mark.usefixtures("dagger_session")
async def test_the_same():
    assert await dag.container().from_("alpine").with_exec(["id", "-u"]).stdout() == "0\n"
