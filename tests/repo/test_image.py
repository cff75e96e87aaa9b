"""What the worker's image has to keep from the browser, which has the same user; a built one shows the rest."""

import json
import re
from pathlib import Path

DOCKERFILE = (Path(__file__).resolve().parent.parent.parent / "render_worker" / "Dockerfile").read_text()
COMMAND = re.compile(r"^(ENTRYPOINT|HEALTHCHECK|CMD)\b[^\[\n]*(.*)$", re.MULTILINE)


def test_nothing_that_starts_with_the_container_s_environment_is_dumpable():
    before, as_worker = DOCKERFILE.split("\nUSER worker\n")
    unreadable = re.search(r"chmod 711 \$\(readlink -f \$\(which (.*)\)\)$", before, re.MULTILINE)
    assert unreadable
    assert set(unreadable[1].split()) == {"tini", "python", "sh", "bash"}
    commands = {kind: json.loads(command) for kind, command in COMMAND.findall(as_worker)}  # none of them by a shell
    assert commands["ENTRYPOINT"] == ["env", "tini", "--"]  # env, lest a runtime's capabilities open tini
    assert (commands["HEALTHCHECK"][:2], commands["CMD"][0]) == (["env", "python"], "gunicorn")
