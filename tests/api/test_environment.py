"""What both tiers accept of HOST, PORT and LOG_LEVEL, and around every value."""

import logging

import pytest

from image_api.application import create_app
from image_api.settings import load as load_api
from local.settings import load as load_local
from local.settings import variables
from render_worker.serving.environment import gunicorn_address
from render_worker.settings import load as load_worker

NAMES = ("HOST", "PORT", "API_HOST", "API_PORT", "LOG_LEVEL", "DEBUG", "WORKER_TOKEN", "ALLOWED_HOSTS", "SIMULATED")


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[load_api, load_worker], ids=["api", "worker"])
def load(request):
    return request.param


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("info", "INFO"),
        ("Debug", "DEBUG"),
        ("warn", "WARNING"),
        (" warning ", "WARNING"),
        ("ERROR", "ERROR"),
        ("critical", "CRITICAL"),
        ("Fatal", "CRITICAL"),
        ("", "INFO"),
        ("  ", "INFO"),
    ],
)
def test_a_log_level_may_be_in_any_case(load, monkeypatch, value, level):
    monkeypatch.setenv("LOG_LEVEL", value)
    assert load().log_level == level
    assert level in logging.getLevelNamesMapping()


@pytest.mark.parametrize(
    ("debug", "log_level", "level"),
    [
        ("true", "", "DEBUG"),
        ("True", "  ", "DEBUG"),
        ("1", None, "DEBUG"),
        ("true", "warning", "WARNING"),
        ("True", "INFO", "INFO"),
        ("False", None, "INFO"),
        ("0", "debug", "DEBUG"),
        ("", None, "INFO"),
        # What Playwright and other programs of Node's read by this name is none of ours.
        ("pw:api", None, "INFO"),
        ("*", None, "INFO"),
        ("pw:browser,pw:api", "error", "ERROR"),
    ],
)
def test_debug_is_the_log_level_unless_that_is_set(load, monkeypatch, debug, log_level, level):
    monkeypatch.setenv("DEBUG", debug)
    if log_level is not None:
        monkeypatch.setenv("LOG_LEVEL", log_level)
    assert load().log_level == level


def test_debug_opens_no_debugger(monkeypatch):
    monkeypatch.setenv("DEBUG", "true")
    app = create_app(load_api())
    assert (app.debug, app.testing, app.config["PROPAGATE_EXCEPTIONS"]) == (False, False, None)


def test_debug_that_is_neither_is_refused_by_name(load, monkeypatch):
    monkeypatch.setenv("DEBUG", "treu")
    with pytest.raises(SystemExit, match=r"^DEBUG cannot be used: "):
        load()


@pytest.mark.parametrize(
    ("value", "bind"),
    [
        ("::", "[::]:8123"),
        ("[::]", "[::]:8123"),
        ("::1", "[::1]:8123"),
        ("0:0:0:0:0:0:0:1", "[::1]:8123"),
        ("127.0.0.1", "127.0.0.1:8123"),
        ("localhost", "127.0.0.1:8123"),
        (" 0.0.0.0 ", "0.0.0.0:8123"),
    ],
)
def test_gunicorn_listens_on_the_host(load, monkeypatch, value, bind):
    monkeypatch.setenv("HOST", value)
    monkeypatch.setenv("PORT", " 8123 ")
    settings = load()
    assert gunicorn_address(settings.host, settings.port) == bind


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("HOST", it)
            for it in ("localhost:8000", "http://0.0.0.0", "fe80::1%lo", "a b", "[::", "*", "unix:/a", "a..b")
        ],
        *[("PORT", it) for it in ("0", "65536", "-1", "8000.0", "http", "tcp://10.0.0.1:80", "٨٠٠٠", "9" * 5000)],
        *[("LOG_LEVEL", it) for it in ("loud", "20", "INFO,DEBUG")],
        *[("REDIS_URL", f"redis://{it}") for it in ("h/name", "h:port", "[h", "user:12#3@h")],
    ],
)
def test_the_rest_is_refused_by_name(load, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=rf"^{name}[A-Z_ or]* cannot be used: it must be .*\. What it sets: "):
        load()


@pytest.mark.parametrize("option", ["bogus=geheim", "db=x", "protocol=x"])
def test_what_no_client_of_redis_takes_is_refused_without_showing_it(monkeypatch, option):
    monkeypatch.setenv("REDIS_URL", f"redis://:geheim@h/0?{option}")
    with pytest.raises(SystemExit, match=r"^REDIS_URL cannot be used: it must be an address like ") as refusal:
        load_api()
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_one_sentence(host):
    with pytest.raises(SystemExit, match=f"^HOST cannot be used: this machine cannot listen on {host} "):
        gunicorn_address(host, 8000)


def test_spaces_around_a_value_do_not_count(load, monkeypatch):
    monkeypatch.setenv("WORKER_TOKEN", " secret\n")
    monkeypatch.setenv("SIMULATED", " TRUE ")
    assert load().worker_token.get_secret_value() == "secret"
    assert load().simulated


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ({"API_HOST": "127.0.0.1", "API_PORT": "9000"}, "127.0.0.1", 9000),
        ({"API_HOST": "127.0.0.1", "API_PORT": "9000", "HOST": "::", "PORT": "9001"}, "::", 9001),
        ({"API_HOST": "127.0.0.1", "API_PORT": "9000", "HOST": "", "PORT": ""}, "127.0.0.1", 9000),
        ({"api_port": "9000"}, "0.0.0.0", 9000),
    ],
)
def test_the_api_s_host_and_port_have_other_names(monkeypatch, given, host, port):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert (load_api().host, load_api().port) == (host, port)
    if "api_port" not in given:
        started = variables(load_local(), simulated=False)
        assert (started["HOST"], started["PORT"]) == (host, str(port))


def test_the_sentence_has_both_names(monkeypatch):
    monkeypatch.setenv("API_PORT", "http")
    with pytest.raises(SystemExit, match=r"^PORT or API_PORT cannot be used: "):
        load_api()
    load_worker()
