"""flask --app app sign: what it prints, and what it refuses."""

import time

import pytest

from image_api.cli.sign import PARSERS
from image_api.web.scopes import JOB_FAMILIES, needs_credential
from image_api.web.signed_links import SIGNABLE
from tests.fakes.links import KEY

ADDRESS = "/generate.png?prompt=a boat&seed=7"


@pytest.fixture
def client(client_with, keeps):
    keeps()
    return client_with(auth="keys", signing_keys=KEY)


@pytest.fixture
def sign(client):
    """Runs the command, and returns its result."""
    runner = client.application.test_cli_runner()
    return lambda address=ADDRESS, *options, expires="7d": runner.invoke(
        args=["sign", address, "--expires", expires, *options]
    )


def test_it_prints_a_link_that_works(sign, client):
    result = sign()
    assert (result.exit_code, "Signed by the first key of SIGNING_KEYS" in result.stderr) == (0, True)
    (address,) = result.stdout.splitlines()
    assert address.startswith("/generate.png?prompt=a%20boat&seed=7&expires=")
    assert client.get(address).status_code == 200
    assert client.get(address.replace("seed=7", "seed=8")).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "/generate?prompt=a",
        "/generate.webp?prompt=\u00fcber+%26+%22q%22&style=watercolor",
        "/sheet?prompt=a&seed=4",
        "/sheet.json?prompt=a",
        "/sheet.png?prompt=a%2Bb&seeds=9",
        "/generate%2Epng?prompt=a",
        "/generate?prompt=a&utm_source=b&style=",
    ],
)
def test_every_way_to_write_an_address_will_do(sign, client, address):
    result = sign(address)
    assert result.exit_code == 0
    assert client.get(result.stdout.strip()).status_code == 200


@pytest.mark.parametrize(
    ("settings", "options", "base"),
    [
        ({}, [], ""),
        ({}, ["--base-url", "https://pictures.example/api/"], "https://pictures.example/api"),
        ({"public_base_url": "https://a.example"}, [], "https://a.example"),
        ({"render_external_url": "https://b.example/"}, [], "https://b.example"),
        ({"public_base_url": "https://a.example"}, ["--base-url", "http://c.example:8000"], "http://c.example:8000"),
    ],
)
def test_it_is_absolute_if_it_is_known_where(client_with, settings, options, base):
    runner = client_with(**settings, signing_keys=KEY).application.test_cli_runner()
    address = runner.invoke(args=["sign", ADDRESS, "--expires", "1h", *options]).stdout
    assert address.startswith(f"{base}/generate.png?")
    if base:
        again = runner.invoke(args=["sign", base + ADDRESS, "--expires", "1h", *options]).stdout
        assert again.startswith(f"{base}/generate.png?")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "must begin with a slash"),
        ("generate?prompt=a", "must begin with a slash"),
        ("/", "/ needs no signature"),
        ("/health", "/health needs no signature"),
        (f"/images/{'a' * 64}.png", "needs no signature"),
        ("/p/x", "there is no /p/x here"),
        ("/models", "/models needs no signature"),
        ("/v1/images/generations", "is not for GET"),
        ("/api/v1/generate", "is not for GET"),
        ("/nowhere?prompt=a", "there is no /nowhere here"),
        ("/generate.gif?prompt=a", "there is no /generate.gif here"),
        ("/Generate?prompt=a", "there is no /Generate here"),
        ("//generate?prompt=a", "another host"),
        ("https://elsewhere.example/generate?prompt=a", "another host"),
        ("/generate?prompt=a#b", "must be %23"),
        ("/generate", "prompt is required"),
        ("/generate?prompt=a&sede=7", '"sede" is not a parameter'),
        ("/generate?prompt=a&prompt=b", "prompt"),
        ("/generate?prompt=a&width=1", "width"),
        ("/generate.png?prompt=a&format=image", "format cannot be given"),
        ("/sheet.png?prompt=a&seeds=5", "seeds must be"),
        ("/generate?prompt=a&expires=1", "signed already"),
        ("/generate?prompt=a&signature=x", "signed already"),
        ("/generate?prompt=%FF", "prompt"),
        ("/generate?prompt=a" + "&style=" * 100, "at most 100 parameters"),
    ],
)
def test_what_cannot_be_signed_is_said(sign, address, sentence):
    result = sign(address)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["api_key", "key", "token", "access_token"])
def test_a_secret_in_an_address_is_not_repeated(sign, name):
    result = sign(f"/generate?prompt=a&{name}=hunter2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("expires", ["", "7", "0d", "-1d", "7y", "2020-01-01", "2027-02-30", "4000d", "9" * 12 + "d"])
def test_an_expiry_must_lie_ahead(sign, expires):
    result = sign(expires=expires)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--expires" in result.stderr


@pytest.mark.parametrize(("expires", "seconds"), [("1h", 3600), ("7d", 604_800), ("2w", 1_209_600)])
def test_it_ends_when_it_is_told(sign, expires, seconds):
    moment = int(sign(expires=expires).stdout.partition("expires=")[2].partition("&")[0])
    assert abs(moment - time.time() - seconds) < 60


def test_an_expiry_is_required(client):
    result = client.application.test_cli_runner().invoke(args=["sign", ADDRESS])
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("base", ["pictures.example", "ftp://a.example", "https://a.example?x"])
def test_a_base_must_be_an_address(sign, base):
    result = sign(ADDRESS, "--base-url", base)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "must be an address like" in result.stderr


def test_the_database_has_a_key_if_none_is_set(client_with, keeps, database_url):
    keeps()
    client, other = (client_with(auth="keys", database_url=database_url) for _ in range(2))
    assert client.get("/generate?prompt=a&expires=1&signature=x").status_code == 403
    result = client.application.test_cli_runner().invoke(args=["sign", ADDRESS, "--expires", "1h"])
    assert (result.exit_code, "Signed by the key in " in result.stderr) == (0, True)
    assert database_url.startswith("postgresql") or database_url.partition(":///")[2] in result.stderr
    assert "p%40ss" not in result.stderr
    assert other.get(result.stdout.strip()).status_code == 200
    assert other.get(ADDRESS).status_code == 401


def test_a_database_that_is_out_of_reach_is_said(client_with):
    client = client_with(database_url="postgresql://nobody@127.0.0.1:1/none")
    result = client.application.test_cli_runner().invoke(args=["sign", ADDRESS, "--expires", "1h"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: The database with the key of signed links cannot be used now." in result.stderr


def test_every_view_that_makes_pictures_by_get_can_be_signed(client):
    rules = client.application.url_map.iter_rules()
    closed = {it.endpoint for it in rules if "GET" in it.methods and needs_credential(it.endpoint)}
    of_jobs = {it for it in closed if it.partition(".")[0] in JOB_FAMILIES}
    assert closed - of_jobs - SIGNABLE == {
        *("wake.wake", "wake.pixel"),  # which make no picture
        *("weights.loras", "websocket.plain_request", "websocket.txt2img"),
    }
    assert set(PARSERS) == SIGNABLE
