"""The base URL of the addresses in responses."""

import pytest
from pydantic import ValidationError

from image_api.settings import Settings
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


HOSTS = [
    ("image_api:8000", "image_api:8000"),
    ("_a.example", "_a.example"),
    ("a_.b_c.example.", "a_.b_c.example."),
    ("FOO_bar:80", "FOO_bar"),
    ("a_b:443", "a_b:443"),
    ("a_b:", "a_b"),
    ("[::1]:9000", "[::1]:9000"),
    ("[2001:DB8::1]:80", "[2001:DB8::1]"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("1.2.3.4:65535", "1.2.3.4:65535"),
]


@pytest.mark.parametrize(("host", "named"), HOSTS)
def test_every_host_name_works_on_every_route(client_with, host, named):
    client = client_with(trusted_proxies="loopback")
    for header in ("Host", "X-Forwarded-Host"):
        headers = {header: host}
        picture = f"http://{named}/images/{NAME}"
        assert client.get("/generate?prompt=a", headers=headers).json["image_url"] == picture
        assert client.post("/generate", json={"prompt": "a"}, headers=headers).json["image_url"] == picture
        location = client.get("/generate?prompt=a&format=redirect", headers=headers).location
        assert location == picture.lower()  # as Werkzeug writes a host
        events = client.get("/generate?prompt=a", headers={**headers, "Accept": "text/event-stream"})
        assert f'"image_url":"{picture}"' in events.text
        styled = client.post("/v1/images/generate", json={"prompt": "a"}, headers=headers)
        assert styled.json["image_url"] == picture
        openai = client.post("/v1/images/generations", json={"prompt": "a"}, headers=headers)
        assert openai.json["data"][0]["url"] == picture
        assert f"'http://{named}/generate?" in client.get("/", headers=headers).json["examples"]["picture"]
        assert client.get("/images//x?a=b", headers=headers).location == f"http://{named.lower()}/images/x?a=b"


@pytest.mark.parametrize(
    "host",
    [
        "a_b:0",
        "a_b:99999",
        "a_b:08",
        ":80",
        "",
        "a_b..c",
        ".a_b",
        "a_b@c",
        "a_b/c",
        "[a_b]",
        "[::1%25lo]",
        "bü_b",
    ],
)
def test_what_is_no_host_stays_refused(client, worker, host):
    for path in ("/generate?prompt=a", "/", "/images//x", "/nowhere"):
        answer = client.get(path, headers={"Host": host})
        error = answer.json["error"] if path.startswith("/v1") else answer.json
        assert (answer.status_code, error["code"]) == (400, "invalid_parameter")
    assert worker.requests == []


def test_without_a_host_header_the_address_counts_in_http_1_0_alone(client):
    found = client.get("/", environ_overrides={"HTTP_HOST": None, "SERVER_NAME": "::1", "SERVER_PORT": "9000"})
    assert found.status_code == 400
    old = {"SERVER_NAME": "::1", "SERVER_PORT": "9000", "SERVER_PROTOCOL": "HTTP/1.0"}
    environ = {name: text for name, text in client.get("/").request.environ.items() if name != "HTTP_HOST"}
    status: list = []
    body = b"".join(client.application.wsgi_app({**environ, **old}, lambda code, *_: status.append(code)))
    assert status == ["200 OK"]
    assert b"http://[::1]:9000/generate?" in body


@pytest.mark.parametrize(
    ("setting", "base_url"),
    [
        ("http://image_api:8000", "http://image_api:8000"),
        ("HTTPS://Pictures.example/", "HTTPS://Pictures.example"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
    ],
)
def test_public_base_url_counts_in_redirects_too(client_with, setting, base_url):
    client = client_with(public_base_url=setting)
    assert base(client) == base_url
    assert client.get("/images//x").location == f"{base_url.lower()}/images/x"


@pytest.mark.parametrize(
    "url", ["http://a:0", "http://a:99999", "a_b", "ftp://a", "https://bücher.example", "http://a b"]
)
def test_what_is_no_address_is_refused_at_start(url):
    with pytest.raises(ValidationError, match="public_base_url"):
        Settings(public_base_url=url)


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("render_worker:8001", "http://render_worker:8001"),
        ("render_worker", "http://render_worker"),
        ("render_worker.", "http://render_worker."),
        ("http://render_worker:8001/", "http://render_worker:8001"),
        ("my_worker.example", "https://my_worker.example"),
        ("[::1]:8001", "http://[::1]:8001"),
        ("HTTP://Worker:8001", "HTTP://Worker:8001"),
    ],
)
def test_the_worker_s_address_may_be_a_compose_service_s(named, url):
    assert Settings(perchance_worker_url=named).perchance_worker_url == url
