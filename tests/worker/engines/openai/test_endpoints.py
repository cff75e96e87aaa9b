"""Endpoints of the settings: each an engine of its own, by its name, and no part of it shown."""

import pytest
import requests

from render_worker.contract import GenerateRequest, Recipe
from render_worker.engines import build_engines
from render_worker.settings import Settings, load
from tests.fakes.at_openai import KEY, asked, engine
from tests.fakes.processes import worker

SECRET = "http://user:word@10.0.0.9:8080/v1|a-model|sk-secret|litellm+seed"


@pytest.fixture
def endpoint(monkeypatch):
    def set_to(value, engines="openai:local"):
        monkeypatch.setenv("OPENAI_ENDPOINTS", value)
        monkeypatch.setenv("ENGINES", engines)
        return load()

    return set_to


def test_it_works(endpoint):
    settings = endpoint(f"local={SECRET}, other=http://127.0.0.1:1")
    local = build_engines(settings.engines, settings)["openai:local"]
    assert local.name == "openai:local"
    assert type(local).name == "openai"
    assert local.capabilities_of("auto").seed
    assert settings.slots == settings.engine_concurrency + 3


def test_nothing_of_it_is_in_a_repr(endpoint):
    settings = endpoint(f"local={SECRET}")
    engines = build_engines(settings.engines, settings)
    shown = f"{settings!r} {settings.openai_endpoints} {vars(engines['openai:local'])}"
    assert "local" in shown
    for part in ("10.0.0.9", "word", "sk-secret"):
        assert part not in shown


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("secret-thing", "entry 1 .*another form"),
        ("a=http://x,secret-thing", "entry 2 .*another form"),
        ("a=http://x,,a=http://secret-thing", "entry 3 .*another entry has its name"),
        ("Secret-Thing=http://x", "entry 1 .*lower-case"),
        ("=http://secret-thing", "entry 1 .*name"),
        ("a=secret-thing", "entry 1 .*address"),
        ("a=ftp://secret-thing", "entry 1 .*address"),
        ("a=http://[secret-thing", "entry 1 .*address"),
        ("a=http://secret-thing:port", "entry 1 .*address"),
        ("a=http://x?key=secret-thing", "entry 1 .*address"),
        ("a=http://x|secret thing", "entry 1 .*model"),
        ("a=http://x|m|secret thing", "entry 1 .*key"),
        ("a=http://x|m|sk|secret-thing", "entry 1 .*kind must be one of"),
        ("a=http://x|m|sk|litellm+secret-thing", "entry 1 .*kind may be followed by"),
        ("a=http://x|m|sk|litellm|secret-thing", "entry 1 .*another form"),
    ],
)
def test_a_malformed_entry_is_refused_by_its_position_alone(endpoint, value, sentence):
    with pytest.raises(SystemExit, match=rf"OPENAI_ENDPOINTS cannot be used: {sentence}") as caught:
        endpoint(value, "openai")
    assert "secret" not in str(caught.value).replace("The whole setting is a secret", "").lower()


@pytest.mark.parametrize("name", ["openai:other", "openai:", "openai:local:x"])
def test_a_name_that_no_entry_has_is_refused_with_the_known_names(endpoint, name):
    sentence = rf"ENGINES cannot be used: {name} is no engine, as OPENAI_ENDPOINTS names openai:local\."
    with pytest.raises(SystemExit, match=sentence):
        endpoint("local=http://127.0.0.1:1", name)


@pytest.mark.parametrize("name", ["perchance:local", ":local"])
def test_so_is_one_of_an_engine_that_is_but_one(endpoint, name):
    with pytest.raises(SystemExit, match=rf"ENGINES cannot be used: {name} is no engine that it may name\. .*openai:"):
        endpoint("local=http://127.0.0.1:1", name)


def test_without_any_entry_the_setting_is_named(endpoint):
    sentence = r"ENGINES cannot be used: openai:local is no engine, as OPENAI_ENDPOINTS is not set\."
    with pytest.raises(SystemExit, match=sentence):
        endpoint("", "openai:local")


def test_names_alone_are_shown_by_a_running_worker(site, tmp_path):
    entry = f"home={site.url}/openai/vllm-omni/v1||{KEY}|vllm-omni"
    engines = {"ENGINES": "openai:home,openai", "OPENAI_ENDPOINTS": entry, "LOCAL_STORAGE_DIR": tmp_path}
    with worker(**engines, WORKER_TOKEN="t", **site.pointers("openai"), **site.keys("openai")) as running:
        asking = {"Authorization": "Bearer t"}

        def get(path):
            return requests.get(f"{running.url}{path}", headers=asking, timeout=10)

        body = GenerateRequest(prompt="a tree", model="openai:home", seed=5).model_dump(mode="json")
        made = requests.post(f"{running.url}/generate", json=body, headers=asking, timeout=30).json()
        assert (made["engine"], made["seed"]) == ("openai:home", 5)
        assert asked(site)[0]["kind"] == "vllm-omni"
        models = {it["name"]: it for it in get("/models").json()["models"]}
        assert models["openai:home"]["honours"] == ["guidance_scale", "image", "negative_prompt", "seed"]
        assert models["openai"]["honours"] == ["image"]
        assert list(get("/health").json()["engines"])[:2] == ["openai:home", "openai"]
        assert 'engine="openai:home"' in get("/metrics").text
        shown = "".join(get(path).text for path in ("/health", "/models", "/metrics")) + running.log()
        assert KEY not in shown
        assert site.url.removeprefix("http://") not in shown


@pytest.mark.parametrize(
    ("base", "preset"),
    [
        ("https://api.openai.com/v1", "OpenAI"),
        ("https://mine.openai.azure.com/openai/v1", "Azure OpenAI"),
        ("https://api.x.ai/v1", "xAI"),
        ("https://api.together.xyz/v1", "Together"),
        ("https://api.studio.nebius.com/v1", "Nebius"),
        ("https://API.DeepInfra.com", "DeepInfra"),
        ("https://api-inference.modelscope.cn/v1", "ModelScope"),
        ("https://gen.pollinations.ai/v1", "Pollinations"),
        ("https://api.openai.com.evil.example/v1", "the images API"),
        ("https://notapi.x.ai/v1", "the images API"),
        ("http://127.0.0.1:8000/v1", "the images API"),
    ],
)
def test_the_host_says_which_server_it_is(base, preset):
    found = engine_at(base)
    assert found._connection.preset.title == preset


def engine_at(base, **changes):
    return build_engines(("openai",), Settings(openai_base_url=base, openai_api_key=KEY, **changes))["openai"]


@pytest.mark.parametrize(
    ("base", "model", "fields", "least", "most"),
    [
        ("https://api.openai.com/v1", None, {}, 0.05, 0.06),
        ("https://api.openai.com/v1", "gpt-image-2.5-flare", {}, 0.013, 0.02),
        ("https://api.openai.com/v1", None, {"shape": "portrait"}, 0.075, 0.09),
        ("https://api.openai.com/v1", None, {"width": 3840, "height": 2160}, 0.41, 0.45),
        ("https://api.openai.com/v1", None, {"prompt": "é" * 2000}, 0.07, 0.08),
        ("https://api.x.ai/v1", None, {}, 0.02, 0.02),
        ("https://gen.pollinations.ai/v1", None, {}, 0.004, 0.004),
    ],
)
def test_the_price_is_the_most_that_the_picture_may_cost(base, model, fields, least, most):
    found = engine_at(base, openai_image_model=model).price(Recipe.parse([*{"prompt": "a", **fields}.items()]))
    assert least <= found <= most


def test_prices_that_are_not_known_or_nothing():
    assert engine_at("http://127.0.0.1:1").price(Recipe(prompt="a")) is None
    assert engine_at("http://127.0.0.1:1", openai_kind="sglang").price(Recipe(prompt="a")) == 0
    assert engine_at("https://api.openai.com/v1", openai_image_model="new").price(Recipe(prompt="a")) is None
    auto = engine_at("https://api.openai.com/v1", openai_image_quality="auto").price(Recipe(prompt="a"))
    assert auto > 0.2  # the service chooses, up to the dearest


@pytest.mark.parametrize(("model", "quality"), [("gpt-image-2", 4), ("a/FLUX.1-dev", 3), ("sd-turbo", 1), ("x", 2)])
def test_the_quality_is_the_model_s(model, quality):
    assert engine_at("http://127.0.0.1:1", openai_image_model=model).quality_of("auto") == quality


def test_a_picture_with_an_image_and_previews_costs_more(site):
    asking, image = engine(site), Recipe(prompt="a").with_image(b"x")
    assert asking.price(image) > asking.price(Recipe(prompt="a"))
    assert asking.price(GenerateRequest(prompt="a", previews=True)) > asking.price(Recipe(prompt="a"))


def test_an_address_with_a_password_is_not_in_the_settings_repr():
    names = ("openai_base_url", "comfyui_url", "automatic1111_url")
    shown = repr(Settings(**dict.fromkeys(names, "http://ann:the-word@127.0.0.1:1")))
    assert "the-word" not in shown
