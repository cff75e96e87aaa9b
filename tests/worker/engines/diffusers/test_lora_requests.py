"""Requests for LoRAs that the Hub, here the sandbox's, is slow to give."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from render_worker.engines.diffusers.loras.hub import HubLoras
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import EngineError
from tests.fakes.processes import sandbox, wait_until
from tests.worker.engines.diffusers.hub import Hub
from tests.worker.engines.diffusers.lora_files import pair, save

NAMES = tuple(f"tester/lora-{number}" for number in range(4))
POOL = 2  # threads of the loop: fewer than there are downloads


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repositories")
    for name in NAMES:
        save(folder / name / "ink.safetensors", pair("unet.conv_in", 4, 320))
    with sandbox(SANDBOX_HUB_FOLDER=folder) as site:
        yield site


@pytest.fixture
def hub(site) -> Hub:
    hub = Hub(site.url)
    hub.play()
    return hub


@pytest.fixture
def settings(tmp_path, monkeypatch) -> DiffusersSettings:
    for name in ("HF_HOME", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1")  # they are set by a download, and are as before after the test
    return DiffusersSettings(_env_file=None, hf_home=tmp_path, lora_dir=tmp_path / "loras", diffusers_loras=NAMES)


@pytest.fixture
def loras(hub, settings):
    loras = Loras(settings)
    loras._hub = HubLoras(settings, hub.endpoint)
    yield loras
    loras.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of few threads."""

    async def main() -> Any:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(POOL))
        return await work

    return asyncio.run(main())


def test_slow_downloads_leave_the_loops_threads_to_others(hub, loras):
    hub.play(hub="hang")

    async def work() -> None:
        waiting = [asyncio.create_task(loras.prepare(name)) for name in NAMES]
        await asyncio.to_thread(wait_until, hub.files, "a LoRA's download")
        await asyncio.gather(*(asyncio.to_thread(int) for _ in range(POOL + 1)))
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        assert await asyncio.to_thread(int) == 0

    run(work())


def test_a_cancelled_request_leaves_the_download_to_the_others(hub, loras):
    async def work() -> list[Any]:
        tasks = [asyncio.create_task(loras.prepare(NAMES[0])) for _ in range(3)]
        while not loras._hub._downloading:
            await asyncio.sleep(0.001)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = run(work())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [NAMES[0]] * 2


def test_requests_for_one_lora_share_its_download_and_a_stop_ends_their_wait(hub, loras):
    hub.play(hub="hang")
    downloads = [loras._hub.fetch(name) for name in (NAMES[0], NAMES[0], NAMES[1])]
    assert downloads[0] is downloads[1] is not downloads[2]
    wait_until(hub.files, "a LoRA's download")
    loras.close()
    for download in (*downloads, loras._hub.fetch(NAMES[2])):
        with pytest.raises(EngineError, match=r"^The render worker stops\.$"):
            download.result(0)
    assert loras._hub.cached(NAMES[0]) is None


def test_a_download_that_failed_is_tried_again(hub, loras):
    hub.play(hub="reset")
    with pytest.raises(EngineError, match=r"^The Hub cannot be reached for the LoRA tester/lora-0\.$"):
        run(loras.prepare(NAMES[0]))
    hub.play()
    assert run(loras.prepare(NAMES[0])) == NAMES[0]
