"""A job's events by a browser's own EventSource, which reconnects by itself and knows when all is told."""

import requests

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api, wait_until
from tests.page.maker import LOST

WATCH = """url => {
  window.told = [];
  window.source = new EventSource(url);
  for (const name of ["status", "progress", "completed", "failed", "canceled"])
    window.source.addEventListener(name, ({ data }) => window.told.push([name, JSON.parse(data)]));
}"""


def test_it_goes_on_by_itself_where_the_service_was_killed_and_ends_with_the_job(page, stack, watch):
    stack.play(delay=4)
    watch.expect(LOST)
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN) as front:
        watch.allow(front.url)
        page.goto(f"{front.url}/")
        job = requests.post(f"{front.url}/api/v1/generate", json={"prompt": "a watched wolf"}, timeout=30).json()
        page.evaluate(WATCH, job["links"]["events"])
        wait_until(
            lambda: page.evaluate("told.some(([name, { status }]) => name == 'status' && status == 'processing')"),
            "the event",
        )
        for process in front.tree():
            process.kill()
        front.process.wait()
        before = page.evaluate("told.length")
        front.start_again()
        wait_until(lambda: page.evaluate("told.some(([name]) => name == 'completed')"), "the event")
        told = page.evaluate("told")
        assert told[before][0] == "status"  # the present state comes first again
        assert [name for name, _ in told].count("completed") == 1
        assert told[-1][1]["images"][0]["image_url"].startswith(front.url)
        # It reconnects once more after the end, and is told by 204 that there is nothing.
        wait_until(lambda: page.evaluate("source.readyState == EventSource.CLOSED"), "the end of reconnecting")
        assert page.evaluate("told.length") == len(told)
