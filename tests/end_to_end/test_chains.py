"""Each kind of user's chain of engines: whatever the first ones meet, the next that is well makes the picture.

One worker for each user and each kind of failure, because some failures open circuit breakers until midnight.
"""

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.end_to_end.conftest import OPERATOR, TOKEN
from tests.fakes.processes import Sandbox, Server, sandbox, wait_until, worker

CHAINS = {
    "no account": ("perchance", "horde", "pollinations"),
    "free account": ("perchance", "cloudflare", "huggingface", "horde"),
    "own A1111": ("automatic1111", "perchance", "horde"),
    "own ComfyUI": ("comfyui", "perchance", "horde"),
    "own OpenAI-like server": ("openai:local", "perchance", "horde"),
    "OpenAI key": ("perchance", "horde", "openai"),
    "Replicate key": ("perchance", "horde", "replicate"),
    "all": (
        *("automatic1111", "comfyui", "openai:local", "perchance", "horde"),
        *("pollinations", "cloudflare", "huggingface", "replicate", "openai"),
    ),
}
FAILURES = {
    "walled": {
        "perchance": {"generate": "challenge"},
        "horde": {"horde": "timeout_ip"},
        "pollinations": {"pollinations": "tunnel_down"},
        "cloudflare": {"cloudflare": "account_blocked"},
        "huggingface": {"huggingface": "no_permission", "huggingface_space": "no_access"},
        "automatic1111": {"automatic1111": "html_502"},
        "comfyui": {"comfyui": "unauthorized"},
        "openai": {"openai": "wrong_key"},
        "replicate": {"replicate": "forbidden"},
    },
    "asked for money": {
        "perchance": {"verify": "failed_verification"},
        "horde": {"horde": "kudos_upfront"},
        "pollinations": {"pollinations": "x402_v2"},
        "cloudflare": {"cloudflare": "paid_plan"},
        "huggingface": {"huggingface": "no_credit", "huggingface_space": "quota"},
        "automatic1111": {"automatic1111": "no_api"},
        "comfyui": {"comfyui": "no_prompt"},
        "openai": {"openai": "no_balance"},
        "replicate": {"replicate": "no_credit"},
    },
    "out of quota": {
        "perchance": {"generate": "too_many_requests"},
        "horde": {"horde": "too_many_prompts"},
        "pollinations": {"pollinations": "too_many"},
        "cloudflare": {"cloudflare": "neurons_4006"},
        "huggingface": {"huggingface": "too_many", "huggingface_space": "quota_soon"},
        "automatic1111": {"automatic1111": "crash"},
        "comfyui": {"comfyui": "queue_full"},
        "openai": {"openai": "no_quota"},
        "replicate": {"replicate": "throttled"},
    },
    "hanging": {
        "perchance": {"generate": "hang"},
        "horde": {"horde": "stuck"},
        "pollinations": {"pollinations": "hang"},
        "cloudflare": {"cloudflare": "hang"},
        "huggingface": {"huggingface": "hang", "huggingface_space": "hang"},
        "automatic1111": {"automatic1111": "hang"},
        "comfyui": {"comfyui": "stuck"},
        "openai": {"openai": "hang"},
        "replicate": {"replicate": "hang"},
    },
    "answering garbage": {
        "perchance": {"generate": "html"},
        "horde": {"horde": "nothing"},
        "pollinations": {"pollinations": "page"},
        "cloudflare": {"cloudflare": "deep"},
        "huggingface": {"huggingface": "deep", "huggingface_space": "no_picture"},
        "automatic1111": {"automatic1111": "deep"},
        "comfyui": {"comfyui": "html"},
        "openai": {"openai": "deep"},
        "replicate": {"replicate": "not_json"},
    },
}
LIMIT_SECONDS = 4  # of each engine that has a limit of its own
DEADLINE_SECONDS = 20
MOST_FAILING = 3  # of the longest chain: nine that hang would take the whole deadline
PICTURES = {name.partition(":")[0]: name.partition(":")[0] for chain in CHAINS.values() for name in chain} | {
    "perchance": "generate"
}
"""The endpoint of each engine's stand-in at which a picture is made."""


def settings_of(site: Sandbox, chain: tuple[str, ...], folder: Path) -> dict[str, object]:
    """Return the settings of a user with that chain, whose services are all the sandbox's."""
    kinds = {name.partition(":")[0] for name in chain}
    local = f"local={site.url}/openai/vllm-omni/v1|a-model|sk-any|vllm-omni"
    limits = dict.fromkeys(
        (
            *(f"PERCHANCE_{phase}_SECONDS" for phase in ("VERIFY", "GENERATE", "DOWNLOAD")),
            *("POLLINATIONS_SECONDS", "CLOUDFLARE_SECONDS", "REPLICATE_REQUEST_SECONDS", "OPENAI_SECONDS"),
        ),
        LIMIT_SECONDS,
    )
    return {
        **site.pointers(*kinds),
        **site.keys(*kinds - {"horde"}),
        **limits,
        "ENGINES": ",".join(chain),
        "PERCHANCE_ROUTES": "package",
        "PERCHANCE_POLL_SECONDS": 0.2,
        "HORDE_POLL_SECONDS": 0.2,
        "AUTOMATIC1111_EXCLUSIVE": "true",
        **({"OPENAI_ENDPOINTS": local} if "openai:local" in chain else {}),
        "LOCAL_STORAGE_DIR": folder,
        "WORKER_TOKEN": TOKEN,
    }


@pytest.fixture(scope="module")
def site() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


def failing(chain: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first engines of a chain, which fail; `openai:local` and `openai` are one stand-in."""
    return chain[: min(len(chain) - 1, MOST_FAILING)]


def picture_by(renderer: Server) -> dict:
    """Return the worker's answer to a request for one picture."""
    body = {"prompt": "a red boat on a lake", "timeout_seconds": DEADLINE_SECONDS}
    answer = requests.post(f"{renderer.url}/generate", json=body, headers=OPERATOR, timeout=2 * DEADLINE_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def starts(renderer: Server) -> bool:
    """Return whether an engine still starts, as Perchance's browser does: then a free one that is sooner is asked."""
    health = requests.get(f"{renderer.url}/health", headers=OPERATOR, timeout=10).json()
    return "starting" in [health["status"], *(engine["state"] for engine in health["engines"].values())]


def require_true_picture(renderer: Server, answer: dict) -> None:
    """Raise AssertionError unless the answer's address holds a picture of many colours, of the size that is told."""
    file = requests.get(renderer.url + answer["image_url"], headers=OPERATOR, timeout=10).content
    image = Image.open(io.BytesIO(file))
    assert image.size == (answer["width"], answer["height"])
    assert len(image.convert("RGB").resize((64, 64)).getcolors(4096) or range(4097)) > 64


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("user", CHAINS)
def test_the_first_engine_that_is_well_makes_one_true_picture(site, tmp_path, user, failure):
    chain = CHAINS[user]
    broken = failing(chain)
    scenario = {field: word for name in broken for field, word in FAILURES[failure][name.partition(":")[0]].items()}
    with worker(**settings_of(site, chain, tmp_path)) as renderer:
        wait_until(lambda: not starts(renderer), "engines that have started")
        requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()
        requests.post(f"{site.url}/sandbox", json=scenario, timeout=5).raise_for_status()
        answer = picture_by(renderer)
        assert answer["engine"] == chain[len(broken)], answer["fallback_from"]
        assert [it["engine"] for it in answer["fallback_from"]] == list(broken)
        require_true_picture(renderer, answer)
        log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
        assert [it["endpoint"] for it in log if is_picture(it, chain)] == [PICTURES[answer["engine"].partition(":")[0]]]
        wait_until(lambda: not in_flight(site), "nothing left behind at the services")


def is_picture(entry: dict, chain: tuple[str, ...]) -> bool:
    """Return whether a request to the sandbox brought a picture, which a service may have been paid for."""
    return entry["endpoint"] in {PICTURES[name.partition(":")[0]] for name in chain} and entry["played"] == "ok"


def in_flight(site: Sandbox) -> int:
    return requests.get(f"{site.url}/sandbox/gauge", timeout=5).json()["in_flight"]


def test_every_user_has_each_failure_and_no_chain_names_an_engine_twice():
    engines = {name.partition(":")[0] for chain in CHAINS.values() for name in chain}
    assert all(set(words) == engines for words in FAILURES.values())
    assert all(one != other for chain in CHAINS.values() for one, other in pairwise(sorted(chain)))
