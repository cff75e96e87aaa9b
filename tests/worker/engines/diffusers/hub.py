"""The sandbox's Hub, as tests steer it."""

import requests


class Hub:
    """The sandbox's Hub."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/sandbox"
        self.endpoint = f"{url}/hub"

    def play(self, **scenario: object) -> None:
        requests.post(f"{self._url}/reset", timeout=10).raise_for_status()
        requests.post(self._url, json=scenario, timeout=10).raise_for_status()

    def files(self) -> set[str]:
        """Return the names of the files that were requested."""
        log = requests.get(f"{self._url}/log", timeout=10).json()
        return {entry["body"]["file"] for entry in log if entry["endpoint"] == "hub_file"}
