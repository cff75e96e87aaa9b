"""A real failure of PyTorch's allocator, in a process whose memory is limited: what is tried, and what is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.diffusers.engine.test_pictures import ROOT

PROCESS_SECONDS = 600  # a picture in tiles has many, and takes minutes on a machine that is busy
pytestmark = pytest.mark.timeout(PROCESS_SECONDS + 60)
LIMITED = """
import json, resource, sys
from pathlib import Path
from tests.diffusers import conftest
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import WorkerError
from tests.diffusers.engine.requests_of import made, request
from tests.diffusers.engine.running_engine import RunningEngine, digest

settings = DiffusersSettings(
    default_model_id="sdxl", model_cache_dir=Path(sys.argv[1]), torch_threads=1, diffusers_batch=8,
    diffusers_batch_pixels=2**20,
)
running = RunningEngine(settings)
maker = running.backend.maker
usual = {"model": "sdxl", "seed": 1, "steps": 1}
before = digest(running.made(**usual))


def limit(mib):
    used = next(int(it.split()[1]) for it in open("/proc/self/status") if it.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + mib * 2**20, resource.RLIM_INFINITY))


def outcome(it):
    if isinstance(it, WorkerError):
        return {"code": it.code, "status": it.status, "error": str(it)}
    if isinstance(it, Exception):
        return {"error": repr(it)}
    return {"size": it.size, "batch": it.batch, "note": it.note}


def show(name, *requests):
    print(json.dumps({name: [outcome(it) for it in made(running, *requests)]}), flush=True)


def order(side, **changes):
    return request(model="sdxl", steps=1, scheduler=None, size=(side, side), **changes)


real = maker._free_bytes
maker._free_bytes = lambda: 2**60  # as if there were enough, so that the allocator is what fails
limit(60)
show("batch", *(order(256, seed=seed) for seed in range(8)))
limit(40)
show("tiles", order(512))
maker._free_bytes = real
limit(5)
show("smaller", order(512))
show("exact", order(512, smaller_allowed=False))
print(json.dumps({"same_after": digest(running.made(**usual)) == before}), flush=True)
limit(40)
show("by_reading", order(512))
resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
show("whole", order(512))
running.close()
"""


@pytest.fixture(scope="module")
def found(models: Path) -> dict:
    """Return what came of requests in a process with little memory."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, models],
        cwd=ROOT,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},  # so that the heap keeps nothing for later
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr[-3000:]
    return {name: value for line in lines for name, value in line.items()}


def test_a_batch_for_which_there_is_no_memory_is_made_one_by_one(found):
    assert [it.get("batch") for it in found["batch"]] == [1] * 8, found["batch"]
    assert [it["size"] for it in found["batch"]] == [[256, 256]] * 8


def test_a_picture_for_which_there_is_none_is_made_in_tiles_and_says_so(found):
    (it,) = found["tiles"]
    assert it["size"] == [512, 512], it
    assert "tiles" in it["note"]


def test_one_for_which_there_is_none_even_so_is_made_smaller_if_it_may_be(found):
    (it,) = found["smaller"]
    assert max(it["size"]) < 512, it
    assert "no room for 512x512" in it["note"]


def test_one_of_a_size_that_is_required_is_an_error_that_says_what_would_fit(found):
    (it,) = found["exact"]
    assert (it["code"], it["status"]) == ("out_of_memory", 507)
    assert "no memory for a picture of 512x512; " in it["error"]


def test_the_next_picture_has_the_same_bytes_as_before(found):
    assert found["same_after"]


def test_what_is_known_to_have_no_room_is_made_in_tiles_at_once(found):
    (it,) = found["by_reading"]
    assert it["size"] == [512, 512], it
    assert "tiles" in it["note"]


def test_with_memory_a_picture_is_made_whole_again(found):
    assert found["whole"] == [{"size": [512, 512], "batch": 1, "note": None}]
