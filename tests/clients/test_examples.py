"""docs/examples: each runs as it stands, and says what is wrong if it cannot."""

import csv
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import pytest
import requests
from markdown_it import MarkdownIt

from tests.clients.conftest import decoded
from tests.clients.driver import INTERPRETERS, PROGRAMS
from tests.end_to_end.conftest import Stack
from tests.fakes.at_discord import Discord
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.processes import free_port, wait_until

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
ADDRESS = "http://localhost:8000"
SOCKETS = ("websocket.mjs", "websocket_client.py")
STREAMS = (*SOCKETS, "fetch_stream.mjs")
JOBS = ("job.py", "job.sh")
PROGRAMS_THAT_RUN = (*STREAMS, *JOBS, "discord_embed.py")
# As each names itself in the logs of what it asks.
SPREADSHEETS = [
    "Mozilla/5.0 (compatible; GoogleDocs; apps-spreadsheets; +http://docs.google.com)",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Excel 16.0.17928; Pro)",
]
DISCORD_BOT = "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"
TOKEN = re.compile(r'"((?:[^"]|"")*)"|(ENCODEURL)\((\$?[A-Z]\$?\d+)\)|(\$?[A-Z]\$?\d+)')


def command(name: str, *arguments: str) -> list[str]:
    """Return the command that runs an example."""
    return [str(PROGRAMS / INTERPRETERS[Path(name).suffix]), str(FOLDER / name), *arguments]


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    variables = {**os.environ, **environment}
    return subprocess.run(command(name, *arguments), env=variables, capture_output=True, text=True, timeout=60)


def picture_at(url: str, **headers: str):
    """Return the picture that a plain GET of a URL returns, decoded."""
    response = requests.get(url, headers={"Accept": "*/*", **headers}, timeout=60)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("image/")
    return decoded(response.content)


@pytest.mark.parametrize("name", STREAMS)
def test_a_picture_is_made_and_its_progress_shown(front, play, name):
    play(delay=1)
    done = run(name, f"a boat by {name}", front)
    assert (done.returncode, done.stderr) == (0, "")
    *progress, address = done.stdout.splitlines()
    assert "A machine of AI Horde's is making the picture." in "\n".join(progress)
    assert picture_at(address).size == (768, 768)


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("marker", [b'"job_id"', b'"phase"'], ids=["as it is submitted", "as it is watched"])
def test_a_job_is_made_once_though_the_connection_breaks(stack, front, play, name, marker):
    play(delay=3)
    before = len(stack.requests_to("horde"))
    with CuttingProxy(urlsplit(front).port, marker, 1) as proxy:
        done = run(name, f'a "boat" by {name} @ {marker.decode()}', f"http://127.0.0.1:{proxy.port}")
    assert (done.returncode, done.stderr) == (0, "")
    *progress, address = done.stdout.splitlines()
    assert progress  # what there was of it while the example was not connected it does not see
    assert proxy.left == 0
    path = urlsplit(address).path
    assert picture_at(front + path).size == (768, 768)
    assert len(stack.requests_to("horde")) - before == 1


def test_the_guide_s_commands_lead_from_a_job_to_its_picture(front, tmp_path):
    section = (FOLDER.parent.parent / "DEPLOYMENT_GUIDE.md").read_text().split("\n## Jobs\n")[1]
    lines = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)[0].replace(ADDRESS, front)
    assert lines.count("curl ") == 5
    done = subprocess.run(["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "event: completed" in done.stdout
    assert decoded((tmp_path / "boat.png").read_bytes()).size == (768, 768)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_fails_says_why(front, play, name):
    play(horde="corrupt_prompt")
    done = run(name, "a boat", front)
    assert (done.returncode, done.stderr) == (1, "AI Horde does not accept this prompt.\n")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("ending", ["/", "//"], ids=["a slash", "two slashes"])
def test_a_slash_at_the_address_s_end_does_no_harm(front, name, ending):
    done = run(name, f"a boat {ending} by {name}", front + ending)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PROGRAMS_THAT_RUN)
def test_a_refusal_is_the_service_s_sentence(front, name):
    done = run(name, "a" * 2001, front, DISCORD_WEBHOOK="http://127.0.0.1:1/")
    assert done.returncode == 1
    assert "prompt must be a text of 1 to 2,000 characters" in done.stderr
    assert "Traceback" not in done.stderr
    assert "    at " not in done.stderr


@pytest.mark.parametrize("name", PROGRAMS_THAT_RUN)
def test_a_service_that_is_not_there_is_named(name):
    address = f"http://127.0.0.1:{free_port()}"
    done = run(name, "a boat", address, DISCORD_WEBHOOK="http://127.0.0.1:1/")
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot reach ")
    assert len(done.stderr.splitlines()) == 1
    assert urlsplit(address).netloc in done.stderr


def test_a_node_without_websockets_is_told_what_it_needs(front):
    done = run("websocket.mjs", "a boat", front, NODE_OPTIONS="--no-experimental-websocket")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "Node 22" in done.stderr


@pytest.mark.parametrize("name", PROGRAMS_THAT_RUN)
def test_it_has_the_address_of_make_run_unless_it_is_told_another(name):
    text = (FOLDER / name).read_text()
    assert f'"{ADDRESS}"' in text
    assert "a red boat" in text


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_stream_that_breaks_off_is_resumed_and_makes_no_second_picture(stack, front, play, cuts):
    play(delay=2)
    before = len(stack.requests_to("horde"))
    with CuttingProxy(urlsplit(front).port, b"event: progress", cuts) as proxy:
        done = run("fetch_stream.mjs", f"a boat in {cuts} tunnels", f"http://127.0.0.1:{proxy.port}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("http")
    assert proxy.left == 0
    assert len(re.findall(rb"(?i)^last-event-id: \S+", proxy.sent, re.MULTILINE)) == cuts
    assert len(stack.requests_to("horde")) - before == 1


def test_what_is_interrupted_is_cancelled_outside_as_well(stack: Stack, front: str, play: Callable[..., None]):
    play(delay=60)
    arguments = command("fetch_stream.mjs", "a boat that is not waited for", front)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not process.stdout.readline().startswith("Waiting at AI Horde"):
                assert process.poll() is None, process.stderr.read()
            [node] = psutil.Process(process.pid).children()  # the wheel's `node` starts the real one
            node.send_signal(signal.SIGINT)
            assert process.stdout.read().splitlines()[-1] == "Cancelled by you: cancelled"
            assert process.wait(20) == 130
        finally:
            if process.poll() is None:
                for each in (*psutil.Process(process.pid).children(), process):
                    each.kill()
    wait_until(lambda: stack.requests_to("horde_cancel"), "the end of the work outside", 20)


def test_an_embed_shows_the_picture_in_discord(front):
    with Discord() as discord:
        done = run("discord_embed.py", "a boat " * 60, front, DISCORD_WEBHOOK=discord.webhook)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "Posted.\n")
    [embed] = discord.posted
    assert embed["title"].startswith("a boat a boat")
    # Its media proxy is a link-preview bot here, for which nothing is made.
    assert picture_at(embed["image"]["url"], **{"User-Agent": DISCORD_BOT}).size == (768, 768)


def test_a_link_unfurls_in_discord_and_makes_no_picture(stack, front):
    made = requests.get(f"{front}/generate?prompt=a+boat+in+a+channel&seed=8", timeout=60).json()
    name = made["image_url"].rpartition("/")[2]
    before, bot = len(stack.requests_to("horde")), {"User-Agent": DISCORD_BOT}
    for path, width in {
        f"/p/{name}": 768,
        "/generate?prompt=a+boat+in+a+channel&seed=8": 768,
        "/generate?prompt=a+boat+in+a+channel": None,
    }.items():
        page = requests.get(front + path, headers=bot, timeout=60)
        assert page.status_code == 200, path
        assert "a boat in a channel" in page.text
        shown = re.findall(r'property="og:image" content="([^"]+)"', page.text)
        assert [picture_at(url, **bot).width for url in shown] == ([width] if width else []), path
    for path in (f"/images/{name}", "/generate.png?prompt=a+boat+in+a+channel&seed=8"):
        assert picture_at(front + path, **bot).width == 768
    assert requests.get(f"{front}/generate.png?prompt=a+boat&seed=9", headers=bot, timeout=60).status_code == 503
    assert len(stack.requests_to("horde")) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"DISCORD_WEBHOOK": ""}, "Set DISCORD_WEBHOOK"), ({"DISCORD_WEBHOOK": "other"}, "Unknown Webhook")],
    ids=["none is set", "it is deleted"],
)
def test_a_webhook_that_is_missing_is_named(front, change, sentence):
    with Discord() as discord:
        webhook = change["DISCORD_WEBHOOK"] and f"{discord.webhook}s"
        done = run("discord_embed.py", "a boat", front, DISCORD_WEBHOOK=webhook)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_markdown_shows_pictures_that_say_what_they_are(front):
    html = MarkdownIt().render((FOLDER / "pictures.md").read_text())
    shown = dict(re.findall(r'<img src="([^"]+)" alt="([^"]+)"', html))
    assert len(shown) == html.count("<img ") == 3
    for url in shown:
        assert url.startswith(f"{ADDRESS}/")
        image = picture_at(url.replace("&amp;", "&").replace(ADDRESS, front))
        assert image.width > 500
    linked = re.findall(r'<a href="([^"]+)"', html)
    assert [picture_at(url.replace("&amp;", "&").replace(ADDRESS, front)).format for url in linked] == ["PNG"]


def cell_of(rows: list[list[str]], name: str) -> str:
    """Return the text of a cell, such as $A$2."""
    column, row = re.fullmatch(r"\$?([A-Z])\$?(\d+)", name).groups()
    return rows[int(row) - 1][ord(column) - ord("A")]


def shown_by(formula: str, rows: list[list[str]]) -> str:
    """Return the URL that =IMAGE() of texts, cells and ENCODEURL, joined by &, has. Raises ValueError for any other."""
    expression = re.fullmatch(r"=IMAGE\((.*)\)", formula)[1]
    if TOKEN.sub("", expression).strip("&"):
        raise ValueError(formula)
    parts = (found.groups() for found in TOKEN.finditer(expression))
    return "".join(
        quote(cell_of(rows, argument), safe="")
        if function
        else cell_of(rows, cell)
        if cell
        else text.replace('""', '"')
        for text, function, argument, cell in parts
    )


@pytest.mark.parametrize("agent", SPREADSHEETS, ids=["Google Sheets", "Excel"])
def test_a_spreadsheet_shows_a_picture_for_each_row(front, agent):
    rows = list(csv.reader((FOLDER / "pictures.csv").read_text().splitlines()))
    assert rows[1][0] == ADDRESS
    rows[1][0] = front
    assert len(rows) == 4
    for _, prompt, seed, formula in rows[1:]:
        url = shown_by(formula, rows)
        assert len(url) <= 2083  # Excel's limit of a URL
        response = requests.get(url, headers={"Accept": "*/*", "User-Agent": agent}, timeout=60)
        assert response.headers["Content-Type"] == "image/png"
        image = decoded(response.content)
        assert image.info["prompt"] == prompt
        assert response.headers["X-Seed"] == seed


def test_each_example_is_in_the_list():
    text = (FOLDER / "README.md").read_text()
    files = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    assert files == set(re.findall(r"^\| \[`([^`]+)`\]\(\1\)", text, re.MULTILINE))
    for name in PROGRAMS_THAT_RUN:
        assert f"{Path(INTERPRETERS[Path(name).suffix]).name} {name}" in text
