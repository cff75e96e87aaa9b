"""ComfyUI's frames and replies from a server that is broken or hostile."""

import asyncio
import json
import struct

import httpx
import pytest

from render_worker.engines.comfyui.client import ComfyUIClient, Queue, StoredFile, _choices, _items, _number
from render_worker.engines.comfyui.job import Job
from render_worker.engines.comfyui.replies import error_of_execution, error_of_nodes, error_of_reply
from render_worker.engines.comfyui.settings import ComfyUISettings
from render_worker.engines.comfyui.socket import MAX_EVENT_BYTES, Event, parsed
from render_worker.errors import EngineBusy, EngineError, EngineNotConfigured, RequestInvalid, UnexpectedReply
from render_worker.outbound.exchange import Reply
from tests.fakes.at_comfyui import Reported

NOT_UNDERSTOOD = Event("")
PICTURE = b"\xff\xd8\xff a picture"


def framed(kind, number, *rest):
    return struct.pack(">II", kind, number) + b"".join(rest)


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (framed(1, 1, PICTURE), Event("picture", picture=PICTURE)),
        (framed(1, 2, PICTURE), Event("picture", picture=PICTURE)),
        (framed(4, 2, b"{}", PICTURE), Event("picture", picture=PICTURE)),
        (framed(4, 13, b'{"node_id":"9"', PICTURE[1:]), Event("picture", picture=b'"' + PICTURE[1:])),
        (framed(4, 15, b'{"node_id":"9"}', PICTURE), Event("picture", {"node_id": "9"}, PICTURE)),
        (framed(4, 2**32 - 1, b"{}"), NOT_UNDERSTOOD),
        (framed(4, 2, b"{}"), NOT_UNDERSTOOD),  # no picture
        (framed(3, 1, b"9", b"some text"), NOT_UNDERSTOOD),
        (framed(99, 1, PICTURE), NOT_UNDERSTOOD),
        (framed(1, 1), NOT_UNDERSTOOD),
        (b"", NOT_UNDERSTOOD),
        (b"\x00\x00", NOT_UNDERSTOOD),
        ("", NOT_UNDERSTOOD),
        ("[]", NOT_UNDERSTOOD),
        ("{", NOT_UNDERSTOOD),
        ("[" * 100_000, NOT_UNDERSTOOD),
        ('{"type": 7, "data": 7}', NOT_UNDERSTOOD),
        ('{"type": "progress"}', Event("progress")),
        ('{"type": "progress", "data": {"value": 1}}', Event("progress", {"value": 1})),
        (json.dumps({"type": "progress", "data": {"x": "x" * MAX_EVENT_BYTES}}), NOT_UNDERSTOOD),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_frame_is_what_it_says_or_nothing(frame, event):
    assert parsed(frame) == event


class Scripted:
    """A socket that has these frames, and then none for ever."""

    is_open = True

    def __init__(self, *frames):
        self.frames = list(frames)

    async def receive(self, seconds):
        return parsed(self.frames.pop(0)) if self.frames else None


class Ended:
    """A client of a server whose workflows have all ended."""

    def __init__(self, entry):
        self.entry = entry

    async def history(self, prompt_id):
        return self.entry


def result_of(*frames, entry=None, by_socket=True):
    """Return what comes of a job, and its previews, if it is told of these frames."""
    reported = Reported(wants_previews=True)
    job = Job(Ended(entry or {}), Scripted(*frames), reported, "an-id", "9", by_socket, 0.05)
    job._next_look += 0.05
    return asyncio.run(job.result()), reported


def event(kind, **data):
    return json.dumps({"type": kind, "data": data})


DONE = event("executing", node=None, prompt_id="an-id")


def test_a_picture_is_told_from_a_preview_by_the_node_that_runs():
    found, reported = result_of(
        event("executing", node="3", prompt_id="an-id"),
        framed(1, 1, b"a preview"),
        event("executing", node="9", prompt_id="an-id"),
        framed(1, 2, b"the picture"),
        framed(1, 2, b"a second one of a batch"),
        DONE,
    )
    assert (found, reported.previews) == (b"the picture", [b"a preview"])


def test_a_picture_is_told_from_a_preview_by_its_metadata():
    found, reported = result_of(
        event("executing", node="9", prompt_id="an-id"),
        framed(4, 15, b'{"node_id":"3"}', b"a preview"),
        framed(4, 37, b'{"node_id":"9","prompt_id":"another"}', b"of another"),
        framed(4, 15, b'{"node_id":"9"}', b"the picture"),
        DONE,
    )
    assert (found, reported.previews) == (b"the picture", [b"a preview"])


def test_events_of_another_workflow_mean_nothing():
    found, reported = result_of(
        event("executing", node=None, prompt_id="another"),
        event("execution_error", prompt_id="another", exception_type="OutOfMemoryError"),
        event("execution_interrupted", prompt_id="another"),
        event("executing", node="9", prompt_id="an-id"),
        framed(1, 2, b"the picture"),
        DONE,
    )
    assert (found, len(reported.news)) == (b"the picture", 1)


def test_a_queue_that_is_too_large_to_be_read_ends_nothing():
    class Busy(Ended):
        looks = 0

        async def history(self, prompt_id):
            self.looks += 1
            return self.entry if self.looks > 3 else None

        async def queue(self):
            raise UnexpectedReply("ComfyUI's reply is larger than any that is expected.")

    entry = {"outputs": {"9": {"images": [{"filename": "x.png", "subfolder": "", "type": "temp"}]}}}
    job = Job(Busy(entry), Scripted(), Reported(), "an-id", "9", by_socket=False, poll_seconds=0.01)
    assert asyncio.run(job.result()) == StoredFile("x.png", "", "temp")


@pytest.mark.parametrize(
    "numbers",
    [
        {"value": -1, "max": 4},
        {"value": 5, "max": 4},
        {"value": 1, "max": 0},
        {"value": 1, "max": 10**30},
        {"value": "1", "max": "4"},
        {"value": True, "max": True},
        {"value": 1.5, "max": 4},
        {"value": None},
    ],
    ids=str,
)
def test_absurd_progress_is_not_reported(numbers):
    _, reported = result_of(event("progress", prompt_id="an-id", node="3", **numbers))
    assert reported.news == []


@pytest.mark.parametrize(
    "entry",
    [
        {"outputs": None},
        {"outputs": {"9": None}},
        {"outputs": {"9": {"images": None}}},
        {"outputs": {"9": {"images": []}}},
        {"outputs": {"9": {"images": [7]}}},
        {"outputs": {"9": {"images": [{"filename": 7, "type": "temp"}]}}},
        {"outputs": {"9": {"images": [{"filename": "x" * 300, "type": "temp"}]}}},
        {"outputs": {"9": {"images": [{"filename": "x.png", "type": "/etc"}]}}},
        {"outputs": {"9": {"images": [{"filename": "x.png", "type": ["temp"]}]}}},
        {"outputs": {"8": {"images": [{"filename": "x.png", "type": "temp"}]}}},
        {"status": "error", "outputs": {}},
    ],
    ids=str,
)
def test_an_entry_without_a_picture_brings_none(entry):
    assert result_of(entry=entry, by_socket=False)[0] is None


@pytest.mark.parametrize("messages", [None, 7, [7], [[]], [["execution_error"]], [[7, 7]], []], ids=str)
def test_a_failure_that_says_nothing_is_one(messages):
    with pytest.raises(EngineError, match="says no more"):
        result_of(entry={"status": {"status_str": "error", "messages": messages}})


def test_a_failure_of_odd_words_is_one():
    with pytest.raises(EngineError, match="failed at"):
        result_of(entry={"status": {"status_str": "error", "messages": [["execution_error", 7]]}})
    assert "\n" not in str(error_of_execution({"node_id": {}, "exception_message": "a\nb" * 1000}))
    assert len(str(error_of_execution({"exception_message": "x" * 10_000}))) < 400
    assert isinstance(error_of_execution({"exception_type": "torch.cuda.OutOfMemoryError"}), EngineBusy)


def test_the_queue_is_read_whatever_it_holds():
    items = _items(
        [7, [], [1], [3, "c", {}, {"client_id": "us"}], [2, "b"], [float("nan"), "n"], [10**400, "z"], ["x", "y"]]
    )
    pending = sorted(items, key=_number)
    assert Queue([], pending[:]).position("gone") is None
    assert Queue([], [[2, "b"], [3, "c"]]).position("c") == 2
    assert Queue(items, []).ids_of("us") == {"c"}
    assert Queue(items, []).runs("b", "gone")
    assert _items(None) == _items({}) == []


@pytest.mark.parametrize(
    ("definition", "choices"),
    [
        ([["a", "b"], {}], ["a", "b"]),
        ([["a", 7, None]], ["a"]),
        (["COMBO", {"options": ["a", "b"]}], ["a", "b"]),
        (["COMBO", {"options": None}], []),
        (["COMBO"], []),
        (["COMBO", 7], []),
        ([], []),
        ([7], []),
    ],
    ids=str,
)
def test_both_forms_of_choices_are_read(definition, choices):
    assert _choices(definition) == choices


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "no prompt", "node_errors": []}, EngineNotConfigured),
        ({"error": {"type": "invalid_prompt", "message": "m", "details": 7}}, EngineNotConfigured),
        ({"error": None}, EngineNotConfigured),
        ([], EngineNotConfigured),
        ({"node_errors": {"4": {"errors": [{"type": "value_bigger_than_max", "message": "m"}]}}}, RequestInvalid),
        ({"node_errors": {"4": {"errors": [{"type": "value_not_in_list", "message": "m"}]}}}, EngineNotConfigured),
        ({"node_errors": {"4": {"errors": 7}}}, EngineNotConfigured),
        ({"node_errors": {"4": {"errors": [{"type": []}]}}}, EngineNotConfigured),
        ({"node_errors": {"4": 7}, "error": {}}, EngineNotConfigured),
    ],
    ids=str,
)
def test_a_refused_workflow_is_the_settings_or_the_requests(body, kind):
    assert type(error_of_reply(Reply("ComfyUI", 400, httpx.Headers(), json.dumps(body).encode()))) is kind


def test_errors_of_other_outputs_do_no_harm():
    error = {"type": "value_not_in_list", "message": "m", "details": "d"}
    of_another = {"4": {"errors": [error], "dependent_outputs": ["10"], "class_type": "X"}}
    assert error_of_nodes(of_another, "9") is None
    assert error_of_nodes([], "9") is error_of_nodes(None, "9") is error_of_nodes({"4": 7}, "9") is None
    assert isinstance(error_of_nodes(of_another, "10"), EngineNotConfigured)


def test_a_file_is_named_as_its_server_names_it():
    assert StoredFile("x.png", "", "temp").as_input == "x.png [temp]"
    assert StoredFile("x.png", "a", "input").as_input == "a/x.png [input]"
    assert StoredFile.of({"filename": "x.png", "subfolder": 7, "type": "temp"}) == StoredFile("x.png", "", "temp")


def test_the_token_is_in_no_text_of_the_client():
    settings = ComfyUISettings(comfyui_url="http://127.0.0.1:1", comfyui_token="a-secret")
    assert "a-secret" not in repr(ComfyUIClient(settings)) + repr(settings)
