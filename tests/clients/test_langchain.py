"""LangChain's DallEAPIWrapper, which returns addresses, and the tool of its agents around it."""

import pytest

from tests.clients.conftest import at
from tests.clients.driver import ClientError


@pytest.fixture
def ai(start):
    return start("python/drive_langchain.py")


@pytest.mark.parametrize("call", ["run", "invoke"])
def test_it_works(ai, call):
    at(ai(call, prompt="a red boat"))


@pytest.mark.parametrize("model", ["dall-e-3", "auto", "sketch"])
def test_each_model_that_it_can_read_gives_addresses(ai, model):
    addresses = ai("run", prompt="a red boat", model=model, n=2, size="1024x1792", quality="hd").split("\n")
    assert len(set(addresses)) == 2
    assert all(image.width < image.height for image in map(at, addresses))


def test_an_error_is_openai_s_own(ai):
    with pytest.raises(ClientError) as refused:
        ai("run", prompt="a red boat", model="imagen")
    assert (refused.value.type, refused.value.fields["code"]) == ("NotFoundError", "model_not_found")
