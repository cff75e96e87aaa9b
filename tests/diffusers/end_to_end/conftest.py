"""Both tiers as processes, with the engine diffusers, the tiny models, and LoRAs for two of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.diffusers.end_to_end.tiers import TOKEN
from tests.diffusers.loras import makers
from tests.fakes.processes import api, wait_until, worker


@pytest.fixture(scope="session")
def front(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run both tiers; sd1 is the default model, and there are a LoRA for it, one for sdxl, and a broken one."""
    folder = tmp_path_factory.mktemp("worker")
    for layout in ("sd1", "sdxl"):
        makers.save_for(models, layout, folder / "loras" / f"{layout}.safetensors")
    (folder / "loras/broken.safetensors").write_bytes(b"no LoRA")
    renderer = worker(
        WORKER_TOKEN=TOKEN,
        ENGINES="diffusers",
        MODEL_CACHE_DIR=models,
        DEFAULT_MODEL_ID="sd1",
        LORA_DIR=folder / "loras",
        LOCAL_STORAGE_DIR=folder / "images",
        TORCH_THREADS=1,
    )
    with renderer, api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as running:
        wait_until(lambda: requests.get(f"{running.url}/ready", timeout=5).ok, "the default model")
        yield running.url
