"""The names that Stable Diffusion's services have for parameters: in sentences of errors, and on the WebSocket."""

import json

import pytest
import simple_websocket
from hypothesis import given
from hypothesis import strategies as st

from image_api.web.message_options import MessageOptions
from image_api.web.parameter_names import NAMES, in_client_words
from render_worker.contract import InvalidField
from tests.api.conftest import RESULT

WORDS = st.sampled_from([*NAMES, *NAMES.values(), "and", "must", "be", "leave", "out", "=", ";", "width", "20", "the"])


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("steps must be an integer.", "num_inference_steps must be an integer."),
        (
            '"steps" is not a parameter here; known are n.',
            '"num_inference_steps" is not a parameter here; known are n.',
        ),
        ("steps, n and width cannot be honoured.", "num_inference_steps, num_images and width cannot be honoured."),
        ("model is required and must be a name.", "model_id is required and must be a name."),
        ("prefer only goes with model=auto.", "prefer only goes with model_id=auto."),
        ("seed must be 3 at most with n=3.", "seed must be 3 at most with num_images=3."),
        (
            "width cannot be honoured; leave model and steps out.",
            "width cannot be honoured; leave model_id and num_inference_steps out.",
        ),
        ("The model makes 20 steps of n.", "The model makes 20 steps of n."),
        ("model_id must be a name.", "model_id must be a name."),
        ("others must be n.", "others must be n."),
        ("", ""),
    ],
)
def test_a_sentence_names_parameters_as_the_client_did(sentence, told):
    assert in_client_words(sentence) == told


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_a_sentence_in_the_client_s_words_stays_as_it_is(sentence):
    told = in_client_words(sentence)
    assert in_client_words(told) == told


@pytest.mark.parametrize(
    "pairs",
    [
        [("model_id", "sketch"), ("num_inference_steps", "20"), ("num_images", "2")],
        [("model", "sketch"), ("num_inference_steps", 20), ("n", 2)],
        [("model", "sketch"), ("steps", 20), ("n", "2")],
    ],
    ids=str,
)
def test_a_message_has_either_name(pairs):
    options = MessageOptions.parse([("prompt", "a"), *pairs])
    assert (options.model, options.steps, options.n) == ("sketch", 20, 2)
    assert options.names == {own: theirs for own, theirs in NAMES.items() if theirs in dict(pairs)}
    assert options.series()[0].recipe().model == "sketch"


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("num_inference_steps", 101)], "num_inference_steps must be an integer from 1 to 100, or left out."),
        ([("steps", 101)], "steps must be an integer from 1 to 100, or left out."),
        ([("model_id", "a b")], "model_id must be auto or a name from /models."),
        ([("num_images", 11)], "num_images must be an integer from 1 to 10, or left out."),
        ([("n", 3), ("num_images", 3)], "n must be left out with num_images, which is another name of it."),
    ],
    ids=str,
)
def test_a_message_is_refused_in_the_client_s_words(pairs, sentence):
    with pytest.raises(InvalidField) as refused:
        MessageOptions.parse([("prompt", "a"), *pairs])
    assert str(refused.value) == sentence


def last_of(front, **fields: object) -> dict:
    """Return the last message that answers one."""
    socket = simple_websocket.Client(f"{front.url.replace('http', 'ws')}/stream/generate/txt2img")
    socket.send(json.dumps({"prompt": "a", **fields}))
    message = json.loads(socket.receive(timeout=20))
    while message["event"] not in ("result", "error"):
        message = json.loads(socket.receive(timeout=20))
    socket.close()
    return message


def test_the_websocket_takes_either(front):
    assert last_of(front, model_id="sd-1-5", num_inference_steps=12, num_images=1)["event"] == "result"
    asked = front.worker.asked_to_make()[-1]
    assert (asked["model"], asked["steps"]) == ("sd-1-5", 12)


def test_the_websocket_s_errors_are_in_the_client_s_words(front):
    said = {"success": False, "error": "model must be one of auto, sketch.", "code": "invalid_parameter"}
    front.worker.say(400, said)
    assert last_of(front, model="a")["error"]["error"] == said["error"]
    assert last_of(front, model_id="a")["error"]["error"] == "model_id must be one of auto, sketch."
    missing = last_of(front, model_id="sd-xl-base")
    assert (missing["status"], missing["error"]["code"]) == (503, "engine_not_configured")
    assert missing["error"]["error"].startswith("model_id=sd-xl-base needs ")
    front.worker.say(200, RESULT)
