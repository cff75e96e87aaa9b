"""What the worker's image has to keep from the browser, which has the same user; a built one shows the rest."""

import json
import re
from pathlib import Path

DOCKERFILE = (Path(__file__).resolve().parent.parent.parent / "render_worker" / "Dockerfile").read_text()


def test_what_starts_with_the_container_s_environment_is_not_dumpable():
    as_root, as_worker = DOCKERFILE.split("\nUSER worker\n")
    unreadable = re.search(r"chmod 711 \$\(readlink -f \$\(which (.*)\)\)", as_root)
    assert unreadable
    started = {
        json.loads(line)[0] for line in re.findall(r"^(?:ENTRYPOINT |HEALTHCHECK .*CMD )(\[.*\])$", as_worker, re.M)
    }
    assert started == {"tini", "python"}
    assert started | {"sh", "bash"} == set(unreadable[1].split())


def test_nothing_is_started_by_a_shell():
    for line in re.findall(r"^(?:ENTRYPOINT|CMD|HEALTHCHECK).*$", DOCKERFILE, re.M):
        assert line.endswith("]"), line
