"""Pages of pictures with both tiers as processes: after a restart, after a deletion, and at no cost for bots."""

import subprocess
import sys

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack
from tests.fakes.processes import ROOT, api, clean_environment

SKETCH = {"prompt": "a red boat on its page", "model": "sketch"}
BOT = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Accept": "*/*"}
PERSON = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}


def name_of(stack: Stack, **options: object) -> str:
    return stack.get(**SKETCH, **options).json()["image_url"].rpartition("/")[2]


@pytest.mark.parametrize("headers", [BOT, PERSON], ids=["bot", "person"])
def test_after_a_restart_the_worker_s_recipe_is_shown(sketching, headers):
    name = name_of(sketching, seed=31, shape="portrait", output_format="webp", negative_prompt="people")
    with api(PERCHANCE_WORKER_URL=sketching.worker.url, WORKER_TOKEN=TOKEN) as restarted:
        page = requests.get(f"{restarted.url}/p/{name}", headers=headers, timeout=20)
        found = requests.get(f"{restarted.url}/p/{name}", headers={"Accept": "application/json"}, timeout=20).json()
    assert page.status_code == 200
    assert f'<meta property="og:title" content="{SKETCH["prompt"]}">' in page.text
    assert f'<meta property="og:image" content="{restarted.url}/images/{name}">' in page.text
    assert '<meta property="og:image:width" content="512">' in page.text
    assert (found["seed"], found["width"], found["height"]) == (31, 512, 768)


def test_a_deleted_picture_s_page_is_gone_in_every_process(sketching, folder):
    name = name_of(sketching, seed=32)
    page = f"/p/{name}"
    assert sketching.get(page, headers=PERSON).status_code == 200
    command = [sys.executable, "-m", "render_worker.delete", name]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(LOCAL_STORAGE_DIR=folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sketching.get(page, headers=BOT).status_code == 410
    assert sketching.get(page, headers=PERSON).status_code == 410
    with api(PERCHANCE_WORKER_URL=sketching.worker.url, WORKER_TOKEN=TOKEN) as restarted:
        answer = requests.get(restarted.url + page, headers=PERSON, timeout=20)
    assert answer.status_code == 410
    assert SKETCH["prompt"] not in answer.text


def test_a_lost_picture_s_page_makes_none_again(sketching, folder):
    name = name_of(sketching, seed=33)
    (folder / name).unlink()
    for headers in (BOT, PERSON):
        assert sketching.get(f"/p/{name}", headers=headers).status_code == 200
    assert not (folder / name).exists()
    assert sketching.get(f"/images/{name}").status_code == 200  # what the page's <img> does
