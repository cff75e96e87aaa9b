"""LoRAs are downloaded from the Hub, here the sandbox's, each once."""

from pathlib import Path

import pytest

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.loras.files import LoraFiles
from render_worker.engines.diffusers.loras.hub import HubLoras
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import EngineError, EngineUnreachable
from tests.fakes.processes import sandbox
from tests.worker.engines.diffusers.hub import Hub
from tests.worker.engines.diffusers.lora_files import pair, save

SHAPES = pair("unet.conv_in", 4, 320)
FILES = {
    "tester/one": ["ink.safetensors", "README.md"],
    "tester/usual": ["pytorch_lora_weights.safetensors", "checkpoint-500/pytorch_lora_weights.safetensors"],
    "tester/several": ["a.safetensors", "styles/b.safetensors"],
    "tester/none": ["README.md"],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repositories")
    for repository, names in FILES.items():
        for name in names:
            save(folder / repository / name, SHAPES)
    with sandbox(SANDBOX_HUB_FOLDER=folder) as site:
        yield site


@pytest.fixture
def hub(site) -> Hub:
    hub = Hub(site.url)
    hub.play()
    return hub


@pytest.fixture
def loras(hub, tmp_path, monkeypatch) -> HubLoras:
    for name in (
        "HF_HOME",
        "HF_HUB_DISABLE_PROGRESS_BARS",
        "HF_HUB_DISABLE_TELEMETRY",
        "TRANSFORMERS_VERBOSITY",
        "TOKENIZERS_PARALLELISM",
    ):
        monkeypatch.setenv(name, "1")  # they are set by a download, and are as before after the test
    return HubLoras(DiffusersSettings(hf_home=tmp_path), hub.endpoint)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tester/one", "ink.safetensors"),
        ("tester/usual", "pytorch_lora_weights.safetensors"),
        ("tester/several/a.safetensors", "a.safetensors"),
        ("tester/several/styles/b.safetensors", "styles/b.safetensors"),
    ],
)
def test_a_lora_is_downloaded_once(hub, loras, tmp_path: Path, name, file):
    assert loras.cached(name) is None
    path = loras.download(name)
    assert path.is_relative_to(tmp_path)
    assert path.as_posix().endswith(f"/{file}")
    assert LoraFiles().read(path).header.tensors.keys() == SHAPES.keys()
    assert hub.files() == {file}
    hub.play()
    assert loras.cached(name) == loras.download(name) == path
    assert hub.files() == set()


def test_another_file_of_a_repository_is_downloaded_beside_the_first(loras):
    first = loras.download("tester/several/a.safetensors")
    assert loras.cached("tester/several/styles/b.safetensors") is None
    second = loras.download("tester/several/styles/b.safetensors")
    assert loras.cached("tester/several/a.safetensors") == first
    assert loras.cached("tester/several/styles/b.safetensors") == second


@pytest.mark.parametrize(
    ("name", "fault", "error", "sentence"),
    [
        ("tester/several", "ok", ModelUnusable, "The LoRA tester/several is no single .safetensors file: "),
        ("tester/none", "ok", ModelUnusable, "The LoRA tester/none is no single .safetensors file: "),
        ("tester/missing", "ok", ModelUnusable, "The Hub has no LoRA tester/missing for this render worker: "),
        ("tester/one/x.safetensors", "ok", EngineUnreachable, "The Hub answered 404 instead of the LoRA tester/one/x"),
        ("tester/one", "cut", EngineUnreachable, "The Hub cannot be reached for the LoRA tester/one."),
        ("tester/one", "reset", EngineUnreachable, "The Hub cannot be reached for the LoRA tester/one."),
    ],
)
def test_a_download_that_fails_is_told_of_and_leaves_nothing(hub, loras, name, fault, error, sentence):
    hub.play(hub=fault)
    with pytest.raises(error) as raised:
        loras.download(name)
    assert str(raised.value).startswith(sentence)
    assert loras.cached(name) is None


def test_a_download_ends_if_the_worker_stops(loras):
    loras.close()
    with pytest.raises(EngineError, match=r"^The render worker stops\.$"):
        loras.download("tester/one")
    assert loras.cached("tester/one") is None
