"""`make run` beside services of the user's own: what is set is asked, and the sandbox plays the rest."""

import pytest
import requests

from tests.end_to_end.test_local_run import LocalRun
from tests.fakes.processes import PATIENCE_SECONDS, four_free_ports, free_port, sandbox, wait_until

NOWHERE = f"http://127.0.0.1:{free_port()}"
REAL_KEY = "a-real-key-of-the-user"


@pytest.fixture
def run_with(tmp_path):
    """Yield a function that starts a local run with some variables, and returns it when it is ready."""
    runs = []

    def start(**environment: object) -> LocalRun:
        settings = {"PORT": four_free_ports(), "LOCAL_STORAGE_DIR": tmp_path / "images", **environment}
        runs.append(LocalRun(tmp_path / "log", **settings))
        wait_until(lambda: "\ncurl " in runs[-1].printed() or runs[-1].process.poll() is not None, "the commands")
        return runs[-1]

    yield start
    for run in runs:
        run.process.terminate()
        run.process.wait(PATIENCE_SECONDS)


def ask(run: LocalRun, path: str = "/generate", **query: str) -> dict:
    return requests.get(f"http://localhost:{run.port}{path}", query, timeout=60).json()


def logged(port: int, endpoint: str) -> list[dict]:
    log = requests.get(f"http://127.0.0.1:{port}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def test_a_service_whose_address_is_set_is_asked_and_its_pictures_are_no_simulation(run_with):
    with sandbox() as own:
        # Lower-case names are settings too.
        addresses = {"horde_url": f"{own.url}/api/v2", "HORDE_IMAGE_ORIGINS": own.upload_origin}
        run = run_with(ENGINES="horde,perchance", **own.keys("horde"), **addresses)
        assert "the sandbox stands in for perchance." in run.printed()
        assert "Engines, in the order in which they are asked: horde, perchance (simulated)." in run.printed()
        real, simulated, sketch = (ask(run, prompt="a tree", model=name) for name in ("auto", "perchance", "sketch"))
        assert (real["engine"], "simulated" in real) == ("horde", False)
        assert (simulated["engine"], simulated["simulated"]) == ("perchance", True)
        assert "simulated" not in sketch
        assert logged(own.port, "horde")
        assert not logged(run.port + 2, "horde")
        assert own.keys("horde")["HORDE_API_KEY"] not in run.printed()
        models = {each["name"]: each.get("simulated") for each in ask(run, "/models")["models"]}
        assert (models["horde"], models["perchance"]) == (None, True)
        ready = ask(run, "/ready")
        assert "simulated" not in ready
        assert "simulated" not in ready["worker"]
        assert ready["worker"]["engines"]["perchance"]["simulated"] is True
        assert "simulated" not in ready["worker"]["engines"]["horde"]
        listed = {each["id"]: each.get("simulated") for each in ask(run, "/v1/models")["data"]}
        assert (listed["horde"], listed["perchance"], listed["auto"]) == (None, True, None)
        assert ask(run, "/v1/models/perchance")["simulated"] is True


def test_an_address_of_perchance_s_that_cannot_be_reached_is_an_error_and_no_simulation(run_with):
    addresses = {"PERCHANCE_BASE_URL": f"{NOWHERE}/api", "PERCHANCE_PAGE_URL": f"{NOWHERE}/page"}
    run = run_with(SANDBOX="auto", **addresses)
    assert "Perchance cannot be reached (" in run.printed()
    assert "; the sandbox stands in for horde." in run.printed()
    assert ask(run, prompt="a tree", model="perchance")["code"] == "engine_unreachable"
    other = ask(run, prompt="a tree")
    assert (other["engine"], other["simulated"]) == ("horde", True)


def test_without_anything_to_play_there_is_no_sandbox(run_with):
    addresses = {"PERCHANCE_BASE_URL": f"{NOWHERE}/api", "PERCHANCE_PAGE_URL": f"{NOWHERE}/page"}
    run = run_with(SANDBOX="auto", ENGINES="horde", HORDE_URL=f"{NOWHERE}/api/v2", **addresses)
    assert "sandbox" not in run.printed()
    assert "Perchance" not in run.printed()
    assert ask(run, prompt="a tree")["code"] == "engine_unreachable"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{run.port + 2}/sandbox", timeout=5)


def test_the_sandbox_s_hub_is_there_if_told_to_though_no_engine_is_played(run_with):
    port = four_free_ports()
    own = {"ENGINES": "horde", "HORDE_URL": f"{NOWHERE}/api/v2", "SANDBOX": "always", "PORT": port}
    run = run_with(AUTH="huggingface", HUB_URL=f"http://localhost:{port + 2}/hub", **own)
    assert f"; the sandbox is at http://localhost:{port + 2}, and stands in for no engine of this run." in run.printed()
    token = {"Authorization": "Bearer hf_read_ann"}
    address = f"http://localhost:{port}/generate"
    sketch = {"prompt": "a tree", "model": "sketch"}
    made = requests.get(address, sketch, headers=token, timeout=60).json()
    assert (made["engine"], "simulated" in made) == ("sketch", False)
    assert requests.get(address, sketch, timeout=60).status_code == 401
    assert run.printed().count("\ncurl -s -H 'Authorization: Bearer hf_...' '") == 2
    assert "Or copy (with a token of yours), " in run.printed()


def test_engines_that_are_set_up_and_not_enabled_are_named_without_their_keys(run_with):
    run = run_with(REPLICATE_API_TOKEN=REAL_KEY, hf_token=REAL_KEY, OPENAI_ENDPOINTS=f"box={NOWHERE}/v1|m|{REAL_KEY}")
    line = next(line for line in run.printed().splitlines() if line.startswith("Engines, "))
    assert line.endswith(
        "horde (simulated). Set up, but not enabled: huggingface, replicate, openai:box; "
        "ENGINES=perchance,horde,huggingface,replicate,openai:box enables all; "
        "pictures of replicate, openai:box may cost money."
    )
    assert REAL_KEY not in run.printed()
    made = ask(run, prompt="a tree")
    assert (made["engine"], made["simulated"]) == ("perchance", True)
