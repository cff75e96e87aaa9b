"""Responses have no null, except the fields of `written_as_null`."""

import json

import pytest
from pydantic import BaseModel

from image_api.web.schemas.pictures import IndexedResult, PicturesResult
from render_worker.contract import GenerateResult, ResultLine
from tests.api.conftest import RESULT


class Holder(BaseModel):
    """A model with results inside."""

    results: list[GenerateResult]


def written(model: BaseModel) -> dict:
    return json.loads(model.model_dump_json(exclude_none=True))


@pytest.mark.parametrize("nsfw", [True, False, None])
def test_the_classification_is_written_whatever_it_is(nsfw):
    result = GenerateResult.model_validate({**RESULT, "nsfw": nsfw})
    assert written(result)["nsfw"] is nsfw
    assert "note" not in written(result)
    assert written(ResultLine(result=result))["result"]["nsfw"] is nsfw
    assert written(Holder(results=[result]))["results"][0]["nsfw"] is nsfw
    assert result.model_dump(mode="json", exclude_none=True)["nsfw"] is nsfw
    assert GenerateResult.model_validate_json(result.model_dump_json(exclude_none=True)) == result


def test_subclasses_write_it_at_each_level():
    one = IndexedResult(**RESULT, index=0)
    body = written(PicturesResult.of([one], [], "id"))
    assert (body["nsfw"], body["images"][0]["nsfw"]) == (None, None)


def test_an_older_worker_says_nothing_of_it():
    assert "nsfw" not in RESULT
    assert written(GenerateResult.model_validate(RESULT))["nsfw"] is None


def test_what_is_left_out_on_purpose_stays_out():
    result = GenerateResult.model_validate(RESULT)
    assert result.model_dump(include={"engine"}, exclude_none=True) == {"engine": "perchance"}
    assert "nsfw" not in result.model_dump(exclude={"nsfw"}, exclude_none=True)
