"""The unmodified `perchance` package against the sandbox: it must meet what it meets at the real site.

Each row is an observation of the package 0.1.0 with Chromium. The package cannot be told where the browser is, so a
folder in Playwright's own layout points it to the one that is installed.
"""

import asyncio
import gc

import perchance
import psutil
import pytest
import requests
from perchance import errors
from PIL import Image
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.fakes.playwright_browser import browsers_path
from tests.fakes.processes import Server, command_of, free_port, sandbox, wait_until

# The package leaves connections and processes open, and some of these tests are about just that.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(autouse=True)
def well(site: Server):
    for path in ("reset", "expire"):
        requests.post(f"{site.url}/sandbox/{path}", timeout=5).raise_for_status()
    yield
    gc.collect()


@pytest.fixture(scope="module", autouse=True)
def _browser_where_playwright_looks(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in browsers_path(tmp_path_factory.mktemp("browsers")).items():
            patch.setenv(name, value)
        yield


def of_playwright(word: str) -> list[psutil.Process]:
    """Return the running processes of this process's own Playwright with that word in their command line."""
    drivers = [child for child in psutil.Process().children() if "run-driver" in command_of(child)]
    browsers = [process for driver in drivers for process in driver.children(recursive=True)]
    return [process for process in drivers + browsers if word in command_of(process)]


def play(site: Server, **scenario: object) -> None:
    requests.post(f"{site.url}/sandbox", json=scenario, timeout=5).raise_for_status()


def with_package(base_url: str, talk, seconds: float = 60):
    """Run `talk` with the package, as its own documentation does; raises TimeoutError after `seconds`."""

    async def conversation():
        async with perchance.ImageGenerator() as generator:
            generator.BASE_URL = base_url
            return await asyncio.wait_for(talk(generator), seconds)

    return asyncio.run(conversation())


async def picture(generator):
    result = await generator.image("a tree", shape="landscape", seed=5, guidance_scale=7.0, negative_prompt="people")
    return result, await result.download()


def test_it_works(site):
    result, data = with_package(f"{site.url}/api", picture)
    image = Image.open(data)
    assert (image.format, image.size, result.size) == ("JPEG", (768, 512), (768, 512))
    assert (result.seed, result.prompt, result.negative_prompt, result.file_extension) == (
        5,
        "a tree",
        "people",
        "jpeg",
    )
    assert result.maybe_nsfw is False
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    assert [entry["endpoint"] for entry in log] == ["verifyUser", "generate", "verifyUser", "download"]
    assert log[1]["body"] == {
        "generatorName": "ai-image-generator",
        "channel": "ai-text-to-image-generator",
        "subChannel": "public",
        "prompt": "a tree",
        "negativePrompt": "people",
        "seed": 5,
        "resolution": "768x512",
        "guidanceScale": 7,
    }


def test_of_a_newer_reply_it_takes_the_id(site):
    play(site, announces="link")
    assert Image.open(with_package(f"{site.url}/api", picture)[1]).size == (768, 512)
    assert "link" not in {entry["endpoint"] for entry in requests.get(f"{site.url}/sandbox/log", timeout=5).json()}


@pytest.mark.parametrize(
    ("scenario", "error", "message"),
    [
        ({"verify": "failed_verification"}, errors.AuthenticationError, "Failed to retrieve user key"),
        ({"verify": "challenge"}, errors.AuthenticationError, "Failed to retrieve user key"),
        ({"verify": "too_many_requests"}, errors.RateLimitError, "Rate limit exceeded"),
        (
            {"verify": "empty_500"},
            (errors.AuthenticationError, PlaywrightError),
            r"user key|HTTP_RESPONSE_CODE_FAILURE",
        ),
        ({"generate": "waiting_for_prev_request_to_finish"}, KeyError, "imageId"),
        ({"generate": "invalid_key"}, KeyError, "imageId"),
        ({"generate": "too_many_requests"}, KeyError, "imageId"),
        ({"generate": "gen_failure"}, KeyError, "imageId"),
        ({"announces": "data"}, KeyError, "imageId"),
        ({"announces": "link_alone"}, KeyError, "imageId"),
        ({"generate": "challenge"}, PlaywrightError, "SyntaxError: Unexpected token '<'"),
        ({"generate": "html"}, PlaywrightError, "SyntaxError: Unexpected token '<'"),
        ({"download": "404"}, errors.ConnectionError, "Failed to download image: 404"),
    ],
    ids=str,
)
def test_each_refusal_is_the_package_s_known_error(site, scenario, error, message):
    play(site, **scenario)
    with pytest.raises(error, match=message):
        with_package(f"{site.url}/api", picture)


def test_a_generate_that_is_never_answered_hangs_until_the_caller_gives_up(site):
    play(site, generate="hang")

    def outcomes() -> list[str]:
        log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
        return [entry["outcome"] for entry in log if entry["endpoint"] == "generate"]

    async def impatient(generator):
        asked = asyncio.create_task(generator.image("a tree"))
        await asyncio.to_thread(wait_until, outcomes, "the request")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked, 1)

    with_package(f"{site.url}/api", impatient)
    wait_until(lambda: outcomes() == ["aborted"], "the end at the site")


def test_a_host_that_is_down_is_playwright_s_error_or_a_missing_key():
    # Full Chromium says net::ERR_CONNECTION_REFUSED; some builds of the headless shell show an error page instead.
    with pytest.raises((PlaywrightError, errors.AuthenticationError), match=r"ERR_CONNECTION_REFUSED|user key"):
        with_package(f"http://127.0.0.1:{free_port()}/api", picture)


def test_an_unknown_shape_is_refused_before_any_browser_starts():
    async def talk(generator):
        with pytest.raises(ValueError, match="Invalid shape: round"):
            await generator.image("a tree", shape="round")
        return generator._browser

    assert with_package("http://127.0.0.1:9/api", talk) is None


def test_a_key_that_is_never_given_is_playwright_s_own_time_out(site):
    play(site, verify="hang")

    async def talk(generator):
        await generator._start()
        generator._context.set_default_timeout(1500)  # 30 s, unless the package itself gave one
        with pytest.raises(PlaywrightTimeout, match="1500ms"):
            await generator.image("a tree")

    with_package(f"{site.url}/api", talk)


def test_a_browser_that_was_killed_is_never_replaced(site):
    async def talk(generator):
        await generator.image("a tree")
        for browser in of_playwright("--remote-debugging-pipe"):
            browser.kill()
        await asyncio.sleep(0.5)
        for _ in range(2):
            with pytest.raises(PlaywrightError, match="has been closed"):
                await generator.image("a tree")
        await generator._pw.stop()
        generator._pw = generator._browser = generator._context = None

    with_package(f"{site.url}/api", talk)


def test_a_generator_that_was_closed_stays_so(site):
    async def talk(generator):
        await generator.image("a tree")
        await generator.close()
        with pytest.raises(PlaywrightError, match=r"has been closed|Connection closed|Event loop is closed"):
            await generator.image("a tree")
        generator._pw = generator._browser = generator._context = None

    with_package(f"{site.url}/api", talk)


def test_two_first_calls_at_once_start_two_browsers_and_leave_a_driver_behind(site):
    async def talk(generator):
        await asyncio.gather(generator.image("a tree"), generator.image("a tree"), return_exceptions=True)
        assert len(of_playwright("run-driver")) == 2
        await generator.close()
        generator._pw = generator._browser = generator._context = None
        left = of_playwright("run-driver")
        for driver in left:
            driver.kill()
        return len(left)

    assert with_package(f"{site.url}/api", talk) == 1


def test_without_a_browser_playwright_says_where_it_looked(site, monkeypatch, tmp_path):
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))

    async def talk(generator):
        with pytest.raises(PlaywrightError, match="Executable doesn't exist"):
            await generator.image("a tree")

    with_package(f"{site.url}/api", talk)
