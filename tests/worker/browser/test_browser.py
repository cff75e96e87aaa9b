"""A driver that dies or hangs during the launch. Each in its own process, because its descendants are killed."""

import subprocess
import sys

import pytest

SCENE = """
import asyncio, os, signal, sys
from pathlib import Path
from render_worker.browser import browser
from render_worker.browser.orphans import become_subreaper
from render_worker.browser.processes import descendants

def drivers():
    found = ((pid, Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in descendants())
    return [pid for pid, line in found if b"run-driver" in line]

async def play():
    wanted, times = getattr(signal, sys.argv[1]), int(sys.argv[2])
    chromium = browser.Browser()
    launching = asyncio.create_task(chromium.start())
    met = set()
    while len(met) < times and not launching.done():
        for pid in set(drivers()) - met:
            os.kill(pid, wanted)
            met.add(pid)
        await asyncio.sleep(0.002)
    try:
        await launching
        print("launched")
    except browser.BrowserGone as gone:
        print(gone)
    left = drivers()
    await chromium.start()
    await chromium.stop()
    print("left", len(left), len(descendants()))

become_subreaper()
browser.LAUNCH_SECONDS = 5
asyncio.run(play())
"""


@pytest.mark.parametrize(
    ("sent", "times", "outcome"),
    [
        ("SIGKILL", 1, "launched"),
        ("SIGKILL", 2, "The browser could not be started: Connection closed while reading from the driver."),
        ("SIGSTOP", 1, "The browser could not be started: it did not come up within 5 seconds."),
    ],
)
def test_a_driver_that_does_not_come_up_is_replaced_or_told_of(sent, times, outcome):
    played = subprocess.run([sys.executable, "-c", SCENE, sent, str(times)], capture_output=True, text=True, timeout=60)
    said = played.stdout.splitlines()
    assert said[0] == outcome, played
    assert said[1].startswith("left " + ("1" if outcome == "launched" else "0")), played
    assert "retrieved" not in played.stderr
