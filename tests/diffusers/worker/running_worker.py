"""A render worker as a process of its own, entered when its engine is ready."""

from pathlib import Path
from typing import Self

import requests

from tests.fakes.processes import Server, wait_until

START_SECONDS = 120


class RunningWorker(Server):
    """A render worker with the engine diffusers, and settings by the names of their variables."""

    def __init__(self, folder: Path, **settings: object) -> None:
        own = {"ENGINES": "diffusers", "LOCAL_STORAGE_DIR": folder / "images", "TORCH_THREADS": 1, "HF_HUB_OFFLINE": 1}
        super().__init__("-c", "render_worker/gunicorn.conf.py", **{**own, **settings})

    def __enter__(self) -> Self:
        super().__enter__()
        wait_until(self._is_ready, "the engine is ready", START_SECONDS)
        return self

    def get(self, path: str) -> dict:
        return requests.get(self.url + path, timeout=60).json()

    def post(self, path: str, headers: dict | None = None, **fields: object) -> requests.Response:
        return requests.post(self.url + path, json=fields, headers=headers, timeout=180)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        return self.get("/health")["engines"]["diffusers"]["state"] == "ready"
