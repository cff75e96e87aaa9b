"""ComfyUI: lost sockets, cancellation at every moment, and that nothing of a request is left behind there."""

import pytest
import requests

from tests.fakes.at_comfyui import PROMPT, Reported, asked, engine, left_at, make, play, size_of, source
from tests.fakes.leaving import left
from tests.fakes.processes import wait_until

NOTHING = {"history": [], "queue": [], "files": {}}


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    wait_until(lambda: left_at(running_site)["queue"] == [], "an empty queue")
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    return running_site


async def working(site, image=None):
    """Make a picture as the worker does, which lets the engine leave."""
    one = engine(site)
    try:
        return await (one.edit(PROMPT, image, Reported()) if image else one.generate(PROMPT, Reported()))
    finally:
        await one.stop()


@pytest.mark.parametrize("fault", ["refused", "redirect"])
def test_without_a_socket_the_history_is_read(site, fault):
    play(site, comfyui_socket=fault, delay=0.5)
    reported = Reported()
    assert size_of(make(site, reported)) == (1024, 1024)
    assert len(reported.setbacks) == 1
    files = left_at(site)["files"]
    assert list(files.values()) == [69]  # a blank pixel
    assert left_at(site)["history"] == []


def test_a_redirect_of_the_socket_is_not_followed(site):
    play(site, comfyui_socket="redirect")
    make(site)
    assert len(asked(site, "comfyui_socket")) == 1


def test_a_lost_socket_is_opened_again(site):
    play(site, comfyui_socket="lost", delay=1, times=1)
    assert size_of(make(site)) == (1024, 1024)
    assert len(asked(site, "comfyui_socket")) == 2
    assert len(asked(site, "comfyui")) == 1
    assert left_at(site) == NOTHING


def test_a_socket_that_is_lost_for_good_leaves_the_history(site):
    play(site, comfyui_socket="lost", delay=1)  # each connection, until no attempt is left
    assert size_of(make(site)) == (1024, 1024)


@pytest.mark.parametrize("fault", ["lost_late", "silent"])
def test_a_picture_that_was_lost_is_asked_for_as_a_file(site, fault):
    play(site, comfyui_socket=fault)
    assert size_of(make(site)) == (1024, 1024)
    graphs = [entry["body"]["prompt"] for entry in asked(site, "comfyui")]
    assert [graph.pop("output")["class_type"] for graph in graphs] == ["SaveImageWebsocket", "PreviewImage"]
    assert graphs[0] == graphs[1]  # of which the server has all but the output in its cache
    assert left_at(site)["history"] == []


def test_a_server_without_the_node_for_sockets_keeps_a_blank_pixel(site):
    play(site, comfyui_info="no_websocket_node")
    assert size_of(make(site)) == (1024, 1024)
    assert left_at(site)["history"] == []
    assert list(left_at(site)["files"].values()) == [69]


@pytest.mark.parametrize("times", [1, 3])
def test_a_running_workflow_is_interrupted(site, times):
    play(site, delay=30)
    assert left(working(site), lambda: _runs(site), times)
    [submitted] = asked(site, "comfyui")
    assert [entry["body"] for entry in asked(site, "comfyui_interrupt")] == [
        {"prompt_id": submitted["body"]["prompt_id"]}
    ]
    assert left_at(site) == NOTHING


def test_a_waiting_workflow_is_deleted_and_that_of_another_goes_on(site):
    play(site, delay=30, comfyui_others=3)
    assert left(working(site), lambda: asked(site, "comfyui_look"), 1)
    [submitted] = asked(site, "comfyui")
    assert {"delete": [submitted["body"]["prompt_id"]]} in [entry["body"] for entry in asked(site, "comfyui_delete")]
    assert asked(site, "comfyui_interrupt") == []
    assert submitted["body"]["prompt_id"] not in left_at(site)["queue"]


def test_an_old_server_is_not_told_to_interrupt_while_another_workflow_runs(site):
    play(site, comfyui="old_server", delay=30, comfyui_others=3)
    assert left(working(site), lambda: asked(site, "comfyui_look"), 1)
    assert asked(site, "comfyui_interrupt") == []
    wait_until(lambda: left_at(site)["queue"] == [], "the end of the others' workflows")
    assert len(left_at(site)["history"]) == 3  # of others, all of which have ended well


def test_an_old_servers_own_id_is_withdrawn(site):
    play(site, comfyui="old_server", delay=30)
    assert left(working(site), lambda: _runs(site), 1)
    assert left_at(site) == NOTHING


def test_what_is_cancelled_while_it_is_submitted_is_withdrawn(site):
    play(site, delay=30, pause=0, comfyui="slow")
    assert left(working(site), lambda: asked(site, "comfyui"), 1)
    assert left_at(site) == NOTHING


def test_what_is_cancelled_while_it_is_uploaded_is_blanked(site):
    play(site, comfyui_upload="slow", times=1)
    assert left(working(site, source()), lambda: asked(site, "comfyui_upload"), 1)
    assert list(left_at(site)["files"].values()) == [69]
    assert asked(site, "comfyui") == []


def test_what_fails_leaves_nothing(site):
    for fault in ("oom", "crash", "interrupted", "partly"):
        play(site, comfyui=fault)
        with pytest.raises(Exception, match="ComfyUI"):
            make(site)
        assert left_at(site) == NOTHING


def _runs(site):
    return requests.get(f"{site.url}/comfyui/queue", timeout=5).json()["queue_running"]
