"""What the page is tried with: both tiers and the sandbox, with short pauses between looks at an engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.conftest import TOKEN, Stack, worker_settings
from tests.fakes.processes import Sandbox, api, sandbox, wait_until, worker

ENGINES = "horde,automatic1111"


@contextmanager
def serving(folder: Path) -> Iterator[Stack]:
    """Run them: horde makes pictures, automatic1111 edits them as well and has previews; sketch is always there."""
    with (
        sandbox() as site,
        worker(**_settings(site, folder)) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, SIMULATED="true") as front,
    ):
        stack = Stack(site, renderer, front)
        wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
        yield stack


def _settings(site: Sandbox, folder: Path) -> dict[str, object]:
    pointers = {**site.pointers("automatic1111"), "AUTOMATIC1111_POLL_SECONDS": 0.2}
    return worker_settings(site, folder, **pointers, ENGINES=ENGINES, QUEUE_SIZE=40)
