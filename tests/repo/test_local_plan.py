"""What a local run enables and for what the sandbox stands in, of the settings that its user has made."""

import pytest

from local.settings import environments, load, plan_of, variables
from render_worker.engines import ENGINES
from render_worker.errors import EngineNotConfigured
from render_worker.settings import VARIABLES, Settings
from sandbox.registry import STAND_INS
from sandbox.stand_in import Addresses

ADDRESSES = Addresses.on_loopback(8002, 8003)
OWN = "https://own.example/v1"
SERVICES = [name for name, each in STAND_INS.items() if each.environment(ADDRESSES)]
WITH_ACCOUNT = [name for name, row in ENGINES.items() if row.configured_by and name != "horde"]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch):
    for name in (*VARIABLES, "DISPATCH", "PICTURE_ORIGINS", "SANDBOX"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def address_variables(service: str) -> list[str]:
    return [name for name, text in STAND_INS[service].environment(ADDRESSES).items() if "://" in text]


CASES = [(service, name) for service in SERVICES for name in address_variables(service)]


@pytest.mark.parametrize("spelled", [str.upper, str.lower])
@pytest.mark.parametrize(("service", "name"), CASES)
def test_an_address_that_is_set_leaves_its_service_to_the_user(monkeypatch, service, name, spelled):
    own = OWN.removesuffix("/v1") if name.endswith("_ORIGINS") else OWN
    monkeypatch.setenv(spelled(name), own)
    found = variables(load(), simulated=True)
    assert not found.keys() & {*STAND_INS[service].environment(ADDRESSES), *STAND_INS[service].keys}
    others = {each for other in SERVICES if other != service for each in STAND_INS[other].environment(ADDRESSES)}
    assert found.keys() >= others
    assert service not in plan_of(load(), simulated=True).stand_ins
    worker = environments(found).worker
    assert [text for given, text in worker.items() if given.upper() == name] == [own]


@pytest.mark.parametrize(
    ("service", "name"), [(service, name) for service in SERVICES for name in STAND_INS[service].keys]
)
def test_a_real_key_never_travels_to_the_sandbox_and_a_made_up_one_may(monkeypatch, service, name):
    real = {"CLOUDINARY_URL": "cloudinary://real:real@real", "CLOUDFLARE_ACCOUNT_ID": "0f" * 16}.get(name, "hf_real")
    monkeypatch.setenv(name, real)
    assert not variables(load(), simulated=True).keys() & {*STAND_INS[service].environment(ADDRESSES)}
    monkeypatch.setenv(name, STAND_INS[service].keys[name])
    assert variables(load(), simulated=True).keys() >= {*STAND_INS[service].environment(ADDRESSES)}


@pytest.mark.parametrize(
    ("name", "text", "service"),
    [
        ("HUGGINGFACE_API_KEY", "hf_real", "huggingface"),
        ("HUGGINGFACE_URL", OWN, "huggingface"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/tmp/key.json", "vertex"),  # noqa: S108 - it is not opened
        ("OPENAI_ENDPOINTS", f"box={OWN}", "openai"),
    ],
)
def test_so_does_what_the_stand_in_itself_does_not_use(monkeypatch, name, text, service):
    monkeypatch.setenv(name, text)
    assert service not in plan_of(load(), simulated=True).stand_ins


def test_a_setting_that_is_neither_address_nor_key_stays_as_it_is_set(monkeypatch):
    monkeypatch.setenv("horde_poll_seconds", "7")
    found = variables(load(), simulated=True)
    assert "HORDE_URL" in found
    assert "HORDE_POLL_SECONDS" not in found


def test_no_service_is_simulated_without_the_sandbox():
    assert not variables(load(), simulated=False).keys() & {"SIMULATED", "SIMULATED_ENGINES", "HORDE_URL"}


def test_everything_is_simulated_if_every_engine_is(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_real")  # of an engine that is not enabled
    found = variables(load(), simulated=True)
    assert (found["SIMULATED"], found.get("SIMULATED_ENGINES")) == ("true", None)


def test_else_the_simulated_engines_are_named(monkeypatch):
    monkeypatch.setenv("HORDE_API_KEY", "real")
    monkeypatch.setenv("simulated", "true")
    worker = environments(variables(load(), simulated=True)).worker
    assert (worker["SIMULATED"], worker["SIMULATED_ENGINES"]) == ("false", "perchance")
    assert "simulated" not in worker


def test_origins_of_pictures_that_are_set_stay_allowed(monkeypatch):
    monkeypatch.setenv("PICTURE_ORIGINS", "http://minio:9000")
    assert variables(load(), simulated=True)["PICTURE_ORIGINS"] == (
        "http://minio:9000,http://127.0.0.1:8002,http://127.0.0.1:8003"
    )


def test_a_storage_that_is_simulated_is_named(monkeypatch):
    monkeypatch.setenv("STORAGE", "imgur,local")
    monkeypatch.setenv("IMGUR_CLIENT_ID", "any")
    assert "Pictures go to imgur (simulated), local." in plan_of(load(), simulated=True).sentence


def test_one_s_own_servers_come_first_and_what_costs_money_joins_by_its_name_alone(monkeypatch):
    for name in ("COMFYUI_URL", "automatic1111_url", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, OWN)
    monkeypatch.setenv("REPLICATE_API_TOKEN", "real")
    found = plan_of(load(), simulated=False)
    assert found.engines == ("automatic1111", "comfyui", "perchance", "horde")
    assert found.further == ("replicate", "openai")
    monkeypatch.setenv("ENGINES", "horde, replicate")
    found = plan_of(load(), simulated=False)
    assert (found.engines, found.further) == (("horde", "replicate"), ("automatic1111", "comfyui", "openai"))


def test_what_it_offers_has_one_s_own_servers_first_and_what_may_cost_last(monkeypatch):
    for name in ("AUTOMATIC1111_URL", "REPLICATE_API_TOKEN", "GOOGLE_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, OWN)
    monkeypatch.setenv("ENGINES", "perchance,horde")
    sentence = plan_of(load(), simulated=False).sentence
    assert "ENGINES=automatic1111,perchance,horde,huggingface,replicate,vertex enables all" in sentence
    assert sentence.endswith("; pictures of replicate, vertex may cost money.")
    monkeypatch.setenv("ENGINES", "perchance,horde,replicate,vertex")
    assert "may cost" not in plan_of(load(), simulated=False).sentence


@pytest.mark.parametrize("name", [name for name in WITH_ACCOUNT if STAND_INS.get(name)])
def test_an_engine_that_is_simulated_has_a_made_up_key(monkeypatch, name):
    monkeypatch.setenv("ENGINES", name)
    for variable, text in environments(variables(load(), simulated=True)).worker.items():
        monkeypatch.setenv(variable, text)
    ENGINES[name].load().of(name, Settings()).check()


def test_the_free_ones_have_none_and_what_is_set_stays(monkeypatch):
    assert "HORDE_API_KEY" not in variables(load(), simulated=True)
    monkeypatch.setenv("ENGINES", "horde,replicate")
    assert "OPENAI_API_KEY" not in variables(load(), simulated=True)
    monkeypatch.setenv("REPLICATE_API_TOKEN", "mine")
    assert "REPLICATE_API_TOKEN" not in variables(load(), simulated=True)


@pytest.mark.parametrize(
    ("given", "further"),
    [
        ({"CLOUDFLARE_ACCOUNT_ID": "0f" * 16}, ()),
        ({"CLOUDFLARE_ACCOUNT_ID": "0f" * 16, "CLOUDFLARE_API_TOKEN": "real"}, ("cloudflare",)),
        ({"GOOGLE_CLOUD_PROJECT": "mine"}, ()),
        ({"GOOGLE_CLOUD_PROJECT": "mine", "GOOGLE_APPLICATION_CREDENTIALS": "/key.json"}, ("vertex",)),
        ({"HF_TOKEN": " "}, ()),
        ({"OPENAI_ENDPOINTS": f"a={OWN},b={OWN}"}, ("openai:a", "openai:b")),
    ],
)
def test_an_engine_is_set_up_once_all_that_it_needs_is_set(monkeypatch, given, further):
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    assert plan_of(load(), simulated=False).further == further


@pytest.mark.parametrize("name", WITH_ACCOUNT)
def test_what_the_registry_says_an_engine_needs_is_what_the_engine_needs(monkeypatch, name):
    row = ENGINES[name]
    assert {each for group in row.configured_by for each in group} <= row.settings.model_fields.keys()
    with pytest.raises(EngineNotConfigured):
        row.load().of(name, Settings()).check()


@pytest.mark.parametrize("name", [name for name in WITH_ACCOUNT if STAND_INS.get(name)])
def test_and_it_is_enough(monkeypatch, name):
    stand_in = STAND_INS[name]
    for variable, text in (stand_in.environment(ADDRESSES) | dict(stand_in.keys)).items():
        monkeypatch.setenv(variable, text)
    settings = Settings()
    assert ENGINES[name].is_configured(settings.model_fields_set)
    ENGINES[name].load().of(name, settings).check()


def test_a_queue_needs_no_redis_of_the_user_s_and_takes_one_that_is_set(monkeypatch):
    assert not load().own_redis
    monkeypatch.setenv("DISPATCH", "celery")
    assert load().own_redis
    found = environments(variables(load(), simulated=False, redis="unix:///run/redis.sock"))
    assert found.api["REDIS_URL"] == found.worker["REDIS_URL"] == "unix:///run/redis.sock"
    assert found.worker["LOCAL_STORAGE_SHARED"] == "true"
    assert "DISPATCH" not in found.worker
    monkeypatch.setenv("redis_url", "redis://:mine@127.0.0.1/0")
    assert not load().own_redis
    found = environments(variables(load(), simulated=False))
    assert found.api["redis_url"] == found.worker["redis_url"] == "redis://:mine@127.0.0.1/0"
    assert "redis_url" not in found.sandbox
