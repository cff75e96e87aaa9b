"""The host of pictures: an origin of its own, which no other origin's script may read, for it sends no CORS headers."""

import time
from typing import Literal

from flask import Blueprint, Response
from pydantic import Field

from sandbox.pictures import SPOILED, SPOILED_BY_CHANCE, Spoiled, handed_out, pictures
from sandbox.replies import hang
from sandbox.scenario import Scenario
from sandbox.settings import load
from sandbox.stand_in import Faults, StandIn
from sandbox.state import state

NOWHERE = "http://127.0.0.1:9"
"""An origin from which no client may fetch: port 9 discards, and nothing listens on it."""

uploads = Blueprint("uploads", __name__)


class UploadScenario(Scenario):
    """What the upload host plays."""

    upload: Literal["ok", "redirect", "hang"] | Spoiled = Field("ok", description="A fault of the picture's download.")


STAND_IN = StandIn(
    name="upload_host",
    scenario=UploadScenario,
    faults={"upload": Faults(("redirect", "hang", *SPOILED), by_chance=("redirect", *SPOILED_BY_CHANCE))},
    blueprints=(uploads,),
)


def upload_origin() -> str:
    """Return the origin of the upload host."""
    return f"http://127.0.0.1:{load().sandbox_upload_port}"


@uploads.get("/<name>.jpeg")
def upload(name: str) -> Response:
    """Return a picture."""
    board = state()
    with board.logged("upload") as entry:
        time.sleep(board.scenario.pause)
        entry.played = board.draw("upload")
        if entry.played == "hang":
            return hang(entry)
        if entry.played == "redirect":
            return Response(status=302, headers={"Location": f"{upload_origin()}/{name}.jpeg?again"})
        return handed_out(pictures().find(name), entry.played)
