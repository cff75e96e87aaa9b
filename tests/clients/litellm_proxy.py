"""litellm's proxy, a server of OpenAI's API, as a process of its own before this product's API."""

import os
import subprocess
from pathlib import Path
from typing import Self

import requests

from tests.clients.driver import FOREIGN, INSTALL, LITELLM_WITHOUT_NETWORK, PROGRAMS
from tests.fakes.processes import free_port, wait_until

KEY = "sk-master"
CONFIGURATION = """
model_list:
  - model_name: far
    litellm_params: {{model: openai/sketch, api_base: {base}, api_key: a-key}}
  - model_name: gone
    litellm_params: {{model: openai/imagen, api_base: {base}, api_key: a-key}}
general_settings: {{master_key: {key}}}
"""


class LitellmProxy:
    """The proxy, which serves the painter of the API at `base` as the model `far`; entered when it is up."""

    def __init__(self, base: str, folder: Path) -> None:
        self._folder = folder
        self._configuration = folder / "litellm.yaml"
        self._configuration.write_text(CONFIGURATION.format(base=base, key=KEY))

    def __enter__(self) -> Self:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        where = ("--host", "127.0.0.1", "--port", str(port), "--telemetry", "False")
        with (self._folder / "litellm.log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAMS / "python", "-m", "litellm.proxy.proxy_cli", "--config", self._configuration, *where],
                env={**kept, **LITELLM_WITHOUT_NETWORK},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_up, "litellm's proxy")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _is_up(self) -> bool:
        log = self._folder / "litellm.log"
        assert self._process.poll() is None, f"it has ended ({INSTALL}): {log.read_text(errors='replace')[-2000:]}"
        try:
            return requests.get(f"{self.url}/health/liveliness", timeout=5).ok
        except requests.RequestException:
            return False
