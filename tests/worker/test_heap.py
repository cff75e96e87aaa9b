"""What the worker process keeps of memory after large pictures."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATION = Path(__file__).parents[2] / "render_worker" / "gunicorn.conf.py"
SCRIPT = """
import asyncio, io, runpy, sys
from pathlib import Path
runpy.run_path(sys.argv[1])
from PIL import Image
from render_worker.imaging import make_picture
from render_worker.sizes import SizePlan

SIDE = 4096
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024
def file():
    out = io.BytesIO()
    Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()
async def make(data):
    await make_picture(bytes(bytearray(data)), SizePlan((SIDE, SIDE)), {}, "jpeg", None, size_required=False)
async def main(data):
    await asyncio.gather(*(make(data) for _ in range(4)))

data = file()
before = resident()
asyncio.run(main(data))
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc's heap")
def test_large_pictures_leave_little_behind():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, CONFIGURATION], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(run.stdout) < 40
