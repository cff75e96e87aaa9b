"""What `make run` prints of its own accord, beside what tests/end_to_end sees of whole runs."""

import json

import pytest

from local.__main__ import _say_of_what_is_not_read, _say_what_is_down
from tests.fakes.scripted_server import ScriptedServer

UNREACHABLE = "The Hub cannot be reached for the model sd-xl-base."


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ({"state": "ready", "reason": None}, ""),
        ({"state": "ready"}, ""),
        ({"state": "ready", "reason": UNREACHABLE}, f"diffusers: {UNREACHABLE}\n"),
        ({"state": "down", "reason": UNREACHABLE}, f"diffusers is down: {UNREACHABLE}\n"),
    ],
)
def test_what_an_engine_lacks_is_told_also_if_pictures_can_be_made(capsys, engine, line):
    with ScriptedServer() as worker:
        worker.say(200, json.dumps({"engines": {"diffusers": engine, "sketch": {"state": "ready"}}}).encode())
        _say_what_is_down(f"{worker.url}/health", {"Authorization": "Bearer secret"})
    assert worker.authorized
    assert capsys.readouterr().out == line


def test_settings_for_compose_are_not_left_out_in_silence(capsys, tmp_path):
    _say_of_what_is_not_read(tmp_path)
    assert capsys.readouterr().out == ""
    (tmp_path / ".env").write_text("ENGINES=diffusers\n")
    _say_of_what_is_not_read(tmp_path)
    assert capsys.readouterr().out.startswith("Nothing is read of .env")
