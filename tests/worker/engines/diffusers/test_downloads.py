"""Models are downloaded from the Hub, here the sandbox's: what is loaded and no more, wholly or not at all.

What is downloaded here is a model by its files' names; tests/diffusers loads what comes of it.
"""

import pytest

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.downloads import Downloads
from render_worker.engines.diffusers.models.hub_cache import HubCache
from render_worker.errors import EngineError, EngineUnreachable
from tests.fakes.processes import sandbox, wait_until
from tests.worker.engines.diffusers.hub import Hub

REPOSITORY = "tester/tiny-sd"
LOADED = {
    "model_index.json": b"{}",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"u" * 300_000,
    "vae/diffusion_pytorch_model.safetensors": b"v" * 100_000,
    "tokenizer/vocab.json": b"{}",
    "tokenizer/merges.txt": b"#version",
}
NEVER_LOADED = (
    "README.md",
    "model.ckpt",
    "sd_xl_base_1.0.safetensors",
    "onnx/unet/model.safetensors",
    "safety_checker/model.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repositories")
    for name, content in {**LOADED, **dict.fromkeys(NEVER_LOADED, b"never loaded")}.items():
        (folder / REPOSITORY / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / REPOSITORY / name).write_bytes(content)
    (folder / "tester/empty").mkdir()
    (folder / "tester/empty/README.md").write_text("nothing")
    with sandbox(SANDBOX_HUB_FOLDER=folder) as site:
        yield site


@pytest.fixture
def hub(site) -> Hub:
    hub = Hub(site.url)
    hub.play()
    return hub


@pytest.fixture
def cache(tmp_path) -> HubCache:
    return HubCache(tmp_path)


def downloaded(cache: HubCache) -> dict[str, bytes]:
    """Return what is loaded from the cache."""
    folder = cache.snapshot(REPOSITORY)
    files = folder.rglob("*") if folder else ()
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.is_file()}


def test_a_model_is_downloaded_without_what_is_never_loaded(hub, cache):
    Downloads(cache, endpoint=hub.endpoint).download(REPOSITORY, halved=False)
    assert downloaded(cache) == LOADED
    assert hub.files() == set(LOADED)


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        ("cut", EngineUnreachable, "The Hub cannot be reached for the model tester/tiny-sd."),
        ("reset", EngineUnreachable, "The Hub cannot be reached for the model tester/tiny-sd."),
    ],
)
def test_a_download_that_fails_is_told_of_and_gone_on_with(hub, cache, fault, error, sentence):
    hub.play(hub=fault)
    with pytest.raises(error) as raised:
        Downloads(cache, endpoint=hub.endpoint).download(REPOSITORY, halved=False)
    assert str(raised.value) == sentence
    assert downloaded(cache) == {}
    hub.play()
    Downloads(cache, endpoint=hub.endpoint).download(REPOSITORY, halved=False)
    assert downloaded(cache) == LOADED


@pytest.mark.parametrize(
    ("name", "endpoint", "error", "sentence"),
    [
        ("tester/nothing", None, ModelUnusable, "The Hub has no model tester/nothing for this render worker: "),
        ("tester/empty", None, ModelUnusable, "The model tester/empty cannot be loaded: it has no model_index.json."),
        (REPOSITORY, "http://127.0.0.1:9", EngineUnreachable, "The Hub cannot be reached for the model tester/tiny"),
    ],
)
def test_what_the_hub_has_not_is_told_of(hub, cache, name, endpoint, error, sentence):
    with pytest.raises(error) as raised:
        Downloads(cache, endpoint=endpoint or hub.endpoint).download(name, halved=False)
    assert str(raised.value).startswith(sentence)


def test_an_error_is_one_line_of_the_log(hub, cache, caplog):
    with pytest.raises(EngineUnreachable):
        Downloads(cache, endpoint="http://127.0.0.1:9").download(REPOSITORY, halved=False)
    [record] = [it for it in caplog.records if it.levelname == "WARNING" and it.name.startswith("render_worker.")]
    assert record.exc_info is None
    said = record.getMessage()
    assert said.startswith("The model tester/tiny-sd cannot be downloaded: ConnectError: ")
    assert "\n" not in said


def test_a_worker_that_stops_waits_for_no_download(hub, cache):
    hub.play(hub="hang")
    downloads = Downloads(cache, endpoint=hub.endpoint)
    downloads.start(REPOSITORY, pytest.fail, print, halved=False)
    wait_until(hub.files, "a file's download")
    downloads.close()
    assert downloaded(cache) == {}


def test_a_stop_ends_a_download_in_progress(hub, cache):
    downloads = Downloads(cache, endpoint=hub.endpoint)
    downloads.close()
    with pytest.raises(EngineError, match=r"^The render worker stops\.$"):
        downloads.download(REPOSITORY, halved=False)
    assert downloaded(cache) == {}


def test_a_full_disk_is_told_of(hub, tmp_path):
    (tmp_path / "hub").write_text("no folder")
    with pytest.raises(EngineError, match=r"^The model tester/tiny-sd cannot be stored: "):
        Downloads(HubCache(tmp_path), endpoint=hub.endpoint).download(REPOSITORY, halved=False)


@pytest.mark.parametrize(
    ("halved", "there", "chosen"),
    [
        (False, ["model.safetensors", "model.fp16.safetensors"], ["model.safetensors"]),
        (True, ["model.safetensors", "model.fp16.safetensors"], ["model.fp16.safetensors"]),
        (True, ["model.safetensors"], ["model.safetensors"]),
        (False, ["model.fp16.safetensors"], ["model.fp16.safetensors"]),
        (False, ["model.safetensors", "model.non_ema.safetensors", "model.bin"], ["model.safetensors"]),
        (
            True,
            [
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.fp16-00001-of-00001.safetensors",
            ],
            ["model.fp16-00001-of-00001.safetensors"],
        ),
        (False, ["model-00001-of-00002.safetensors"], ["model-00001-of-00002.safetensors"]),
    ],
)
def test_one_variant_of_each_part_is_chosen(tmp_path, halved, there, chosen):
    names = [f"unet/{name}" for name in there]
    others = ["model_index.json", "unet/config.json", "sd.safetensors", "onnx/model.safetensors", "unet/a/b.json"]
    found = Downloads(HubCache(tmp_path)).chosen([*others, *names], halved=halved)
    assert found == ["model_index.json", "unet/config.json", *(f"unet/{name}" for name in chosen)]
