"""A client's program in a process of its own, which makes one call for each line that it gets."""

import json
import os
import subprocess
from pathlib import Path
from typing import Self

FOLDER = Path(__file__).resolve().parent
PROGRAMS = FOLDER.parent.parent / ".venv-clients" / "bin"
INSTALL = "run `make test`, or `make clients` alone"
INTERPRETERS = {".mjs": "node", ".py": "python", ".sh": "/bin/sh"}
FOREIGN = ("OPENAI_", "AZURE_", "LITELLM_")  # what the clients read from the environment of the machine's owner
ENDED = "the client's program has ended: what it printed is in the captured standard error"
LITELLM_WITHOUT_NETWORK = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # else it fetches a price list when it starts


class ClientError(Exception):
    """Raised when the client threw; its attributes are those of the client's own error."""

    def __init__(self, type: str, message: str, status: int | None = None, **fields: object) -> None:
        super().__init__(f"{type}: {message}")
        self.type, self.message, self.status, self.fields = type, message, status, fields


class Driver:
    """One client's program, started when it is entered."""

    def __init__(self, program: str, base_url: str) -> None:
        """Prepare a program, named relative to this folder, whose client sends its requests to `base_url`."""
        interpreter = PROGRAMS / INTERPRETERS[Path(program).suffix]
        assert interpreter.exists(), f"{interpreter} is missing: {INSTALL}"
        self._command = [str(interpreter), str(FOLDER / program), base_url, "a-key-of-the-tests"]

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        environment = {**kept, **LITELLM_WITHOUT_NETWORK}
        self._process = subprocess.Popen(
            self._command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def __call__(self, name: str, /, **options: object) -> object:
        """Make the named call; return what the client returned. Raises ClientError if it threw."""
        assert self._process.poll() is None, ENDED
        self._process.stdin.write(json.dumps({"name": name, "options": options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, ENDED
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(**answer["error"])
        return answer.get("result")
