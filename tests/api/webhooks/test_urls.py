"""Which webhook_url is accepted when a job is submitted, and which WEBHOOK_SECRET and WEBHOOK_ORIGINS at start."""

import base64
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

from image_api.errors import InvalidParameter
from image_api.jobs.webhooks.urls import MAX_URL, WebhookURLs
from image_api.settings import Settings, load
from tests.fakes.processes import ROOT
from tests.fakes.webhook_receiver import SECRET

OTHER = "whsec_" + base64.b64encode(b"x" * 64).decode()


def urls(**settings: object) -> WebhookURLs:
    return WebhookURLs(Settings(**{"webhook_secret": SECRET, **settings}))


@pytest.fixture(autouse=True)
def no_look_up(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "url",
    [
        "https://hook.example",
        "https://hook.example/",
        "HTTPS://Hook.Example:8443/a?b=c&d=%20e",
        "https://xn--bcher-kva.example/hook",
        "https://hook.example/" + "x" * (MAX_URL - 21),
    ],
)
def test_it_works(url):
    urls().check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "http://hook.example/",
        "ws://hook.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://user@hook.example/",
        "https://user:password@hook.example/",
        "https://@hook.example/",
        "https://hook.example/#fragment",
        "https://hook.example#",
        "https://hook.example/\\x",
        "https://hook.example\\@127.0.0.1/",
        "https://localhost/",
        "https://intranet/",
        "https://hook.example./",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.0.0.1/",
        "https://93.184.216.34/",
        "https://hook.example:0/",
        "https://hook.example:65536/",
        "https://bücher.example/",
        "https://hook.example/ü",
        "https://hook.example/ x",
        "https://hook.example/\r\nX: y",
        "https://hook.example/\x00",
        "https://hook.example/" + "x" * (MAX_URL - 20),
    ],
)
def test_any_other_is_refused_by_the_field_s_name(url):
    with pytest.raises(InvalidParameter, match=r"^webhook_url must be an https address of a public host") as refused:
        urls().check(url)
    assert len(url) < 8 or url not in str(refused.value)


@pytest.mark.parametrize("url", ["https://hook.example/", "http://127.0.0.1/", ""])
def test_without_a_secret_each_is_refused_by_the_field_s_name_and_with_a_hint(url):
    with pytest.raises(InvalidParameter, match=r"^webhook_url cannot be honoured") as refused:
        urls(webhook_secret=None).check(url)
    body = refused.value.body()
    assert (body.code, refused.value.status) == ("invalid_parameter", 400)
    assert "WEBHOOK_SECRET" in body.hint


ORIGINS = "http://127.0.0.1:9000, https://Hooks.Internal:8443, http://[::1]:9001"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9000/", "http://127.0.0.1:9000/a?b", "https://hooks.internal:8443/a", "http://[::1]:9001/"],
)
def test_the_operator_s_origins_are_accepted(url):
    urls(webhook_origins=ORIGINS).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000@evil.example/",
        "http://127.0.0.1:90001/",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000?x",
        "http://127.0.0.1:9000\\x",
        "http://127.0.0.1:9000/#x",
        "http://127.0.0.1:9000/\\x",
        "http://127.0.0.1:9000/ x",
        "http://127.0.0.1/",
        "https://127.0.0.1:9000/",
        "http://127.0.0.1:9000.evil.example/",
        "http://user@127.0.0.1:9000/",
    ],
)
def test_nothing_but_these_origins_is(url):
    with pytest.raises(InvalidParameter, match=r"^webhook_url must be"):
        urls(webhook_origins=ORIGINS).check(url)


@pytest.mark.parametrize(
    "origins", ["*", "hooks:9000", "http://hooks:9000/", "http://hooks/path", "http://a b", "ftp://x"]
)
def test_an_invalid_origin_is_refused_at_start(origins):
    with pytest.raises(ValidationError, match=r"webhook_origins\n.* http://host:9000, without a path"):
        Settings(webhook_origins=origins)


@pytest.mark.parametrize(
    "secret",
    [SECRET, OTHER, f"{SECRET},{OTHER}", f" {SECRET} , {OTHER} ,", "whsec_" + base64.b64encode(b"x" * 24).decode()],
)
def test_which_secrets_are_accepted(secret):
    assert Settings(webhook_secret=secret).webhook_secrets == tuple(
        it.strip() for it in secret.split(",") if it.strip()
    )


@pytest.mark.parametrize(
    "secret",
    [
        "hush-hush",
        SECRET.removeprefix("whsec_"),
        SECRET.replace("whsec_", "WHSEC_"),
        "whsec_",
        "whsec_hush-hush",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        SECRET.rstrip("="),
        "whsec_" + "_" * 44,
        f"{SECRET} {OTHER}",
        f"{SECRET},hush-hush",
        ",".join([SECRET] * 6),
        ",",
    ],
)
def test_any_other_ends_the_start_by_a_sentence_without_it(monkeypatch, secret):
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    with pytest.raises(SystemExit) as ended:
        load()
    sentence = str(ended.value)
    assert sentence.startswith("WEBHOOK_SECRET cannot be used: it must be whsec_ and 24 to 64 bytes in base64")
    assert "hush" not in sentence
    assert base64.b64encode(b"a secret").decode().rstrip("=") not in sentence


def test_an_empty_secret_counts_as_none(monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", " ")
    assert load().webhook_secret is None


def test_a_secret_is_not_in_the_settings_text():
    settings = Settings(webhook_secret=SECRET)
    assert SECRET not in repr(settings) + str(settings)


NOTHING_LOADED = f"""
import sys
from image_api.application import create_app
from image_api.services import services_of
from image_api.settings import Settings
app = create_app(Settings(webhook_secret={SECRET!r}, database_url="sqlite:////nowhere/jobs.db"))
services_of(app).jobs.start()
services_of(app).jobs.webhook_urls.check("https://hook.example/")
print([name for name in ("standardwebhooks", "sqlalchemy", "psycopg", "alembic") if name in sys.modules])
"""


def test_nothing_is_loaded_for_webhooks_before_there_is_a_job():
    ran = subprocess.run([sys.executable, "-c", NOTHING_LOADED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
