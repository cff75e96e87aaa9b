"""LangChain's DallEAPIWrapper, which returns addresses, and the tool of its agents around it."""

import pytest

from tests.clients.conftest import decoded, fetched
from tests.clients.driver import ClientError


@pytest.fixture
def ai(start):
    return start("python/drive_langchain.py")


@pytest.mark.parametrize("call", ["run", "invoke"])
def test_it_works(ai, call):
    assert decoded(fetched(ai(call, prompt="a red boat")))


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-1", "auto", "sketch"])
def test_each_model_gives_addresses(ai, model):
    addresses = ai("run", prompt="a red boat", model=model, n=2, size="1024x1792", quality="hd").split("\n")
    assert len(set(addresses)) == 2
    images = [decoded(fetched(address)) for address in addresses]
    assert all(image.width < image.height for image in images)


def test_an_error_is_openai_s_own(ai):
    with pytest.raises(ClientError) as refused:
        ai("run", prompt="a red boat", model="imagen")
    assert (refused.value.type, refused.value.fields["code"]) == ("NotFoundError", "model_not_found")
