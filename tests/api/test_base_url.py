"""The base URL of the addresses in responses."""

import pytest

from tests.api.conftest import NAME


def base(client, **headers: str) -> str:
    answer = client.get("/generate?prompt=a", headers={name.replace("_", "-"): text for name, text in headers.items()})
    return answer.json["image_url"].removesuffix(f"/images/{NAME}")


def test_it_is_the_request_s_own(client):
    assert base(client, Host="pictures.example:8443") == "http://pictures.example:8443"


def test_public_base_url_comes_before_render_s(client_with):
    both = {"public_base_url": "https://a.example/api/", "render_external_url": "https://b.onrender.com"}
    assert base(client_with(**both)) == "https://a.example/api"
    assert base(client_with(render_external_url="https://b.onrender.com")) == "https://b.onrender.com"


FORWARDED = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "front.example"}


def test_forwarded_headers_are_ignored_by_default(client):
    assert base(client, **FORWARDED) == "http://localhost"


def test_forwarded_headers_count_for_the_number_of_trusted_proxies(client_with):
    assert base(client_with(trusted_proxies=1), **FORWARDED) == "https://front.example"
    forged = {"X_Forwarded_Proto": "http,https", "X_Forwarded_Host": "evil.example,front.example"}
    assert base(client_with(trusted_proxies=1), **forged) == "https://front.example"


@pytest.mark.parametrize("host", ["a'b", "a b", '"', "a\\b", "<x>"])
def test_a_malformed_host_is_refused(client, worker, host):
    assert client.get("/generate?prompt=a", headers={"Host": host}).status_code == 400
    assert client.get("/", headers={"Host": host}).status_code == 400
    assert worker.requests == []
