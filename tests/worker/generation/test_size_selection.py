"""Selection by size: which engine makes a size that a client names, and what the result says of one that cannot."""

import pytest

from render_worker.errors import BadPicture, EngineRateLimited, InvalidParameter
from render_worker.sizes import SizeRange, Sizes
from tests.fakes.played import Played, ask, over, pipelines, refused

LARGE = Sizes(((1024, 1024),), SizeRange(512, 2048, 64))
SIZE = {"width": 1024, "height": 576, "shape": "landscape"}
TRUE = (1024, 576)
WISH = {**SIZE, "size_optional": True}
AS_SIZE = {**SIZE, "as_size": True}


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def told(result):
    return result.engine, (result.width, result.height), result.ignored


def test_one_that_makes_the_size_is_preferred(pipeline_of):
    pipeline = pipeline_of(Played("small"), Played("large", sizes=LARGE))
    result, _ = ask(pipeline, **SIZE)
    assert (told(result), result.fallback_from, result.shape) == (("large", TRUE, None), None, "landscape")
    assert ask(pipeline, shape="landscape")[0].engine == "small"
    assert ask(pipeline, aspect_ratio="16:9")[0].engine == "small"


@pytest.mark.parametrize(
    ("fields", "ignored", "size"),
    [
        (SIZE, ["height", "width"], (768, 512)),
        (AS_SIZE, ["size"], (768, 512)),
        (WISH, ["size"], (768, 512)),
        ({"width": 1024, "aspect_ratio": "16:9"}, ["width"], (768, 432)),
        ({"height": 1024, "aspect_ratio": "1:1"}, ["height"], (768, 768)),
        ({**SIZE, "aspect_ratio": "16:9"}, ["height", "width"], (768, 432)),
    ],
)
def test_if_none_makes_the_size_that_is_listed_as_the_client_named_it(pipeline_of, fields, ignored, size):
    first = Played("small")
    result, _ = ask(pipeline_of(first), **fields)
    assert told(result) == ("small", size, ignored)
    assert (first.recipes[0].width, first.recipes[0].height) == (None, None)


def test_a_wish_changes_no_order_and_is_honoured_by_those_that_can(pipeline_of):
    pipeline = pipeline_of(Played("small"), Played("large", sizes=LARGE))
    assert told(ask(pipeline, **WISH)[0]) == ("small", (768, 512), ["size"])
    assert told(ask(pipeline, model="small", **WISH)[0]) == ("small", (768, 512), ["size"])
    assert told(ask(pipeline, model="large", **WISH)[0]) == ("large", TRUE, None)
    assert told(ask(pipeline_of(Played("large", sizes=LARGE)), **WISH)[0]) == ("large", TRUE, None)


MAKES = "768x768, 768x512, 512x768 and smaller ones of such proportions."
MAKES_WIDE = "768x512, 768x768, 512x768 and smaller ones of such proportions."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (SIZE, f"width and height cannot be honoured by small. It makes {MAKES_WIDE}"),
        (AS_SIZE, f"size cannot be honoured by small. It makes {MAKES_WIDE}"),
        ({**AS_SIZE, "seed": 5}, f"size and seed cannot be honoured by small; leave seed out. It makes {MAKES_WIDE}"),
        (
            {"width": 1024, "aspect_ratio": "16:9"},
            f"width cannot be honoured by small. With aspect_ratio it is 1024x576. It makes {MAKES_WIDE}",
        ),
        (
            {"height": 1024, "aspect_ratio": "1:1"},
            f"height cannot be honoured by small. With aspect_ratio it is 1024x1024. It makes {MAKES}",
        ),
        (
            {"width": 1024, "height": 1024, "aspect_ratio": "1:1"},
            f"width and height cannot be honoured by small. It makes {MAKES}",
        ),
    ],
)
def test_a_named_one_that_cannot_make_it_is_refused_by_the_name_that_the_client_used(pipeline_of, fields, sentence):
    first = Played("small", honoured=())
    assert str(refused(pipeline_of(first), InvalidParameter, model="small", **fields)) == sentence
    assert first.recipes == []


@pytest.mark.parametrize(
    "fields", [SIZE, AS_SIZE, {"width": 4096, "height": 4096}, {"width": 1000, "aspect_ratio": "1:4"}]
)
def test_nothing_is_advised_by_which_a_smaller_picture_comes(pipeline_of, fields):
    """Asked with model=auto, or without a size, another engine's small picture would come."""
    for sizes in (Sizes(((768, 512),)), Sizes(((512, 512),), SizeRange(256, 1000)), Sizes()):
        sentence = str(refused(pipeline_of(Played("one", sizes=sizes)), InvalidParameter, model="one", **fields))
        assert "model=auto" not in sentence
        assert "leave" not in sentence


def test_a_wish_is_no_part_of_a_refusal(pipeline_of):
    error = refused(pipeline_of(Played("small", honoured=())), InvalidParameter, model="small", seed=5, **WISH)
    assert str(error) == "seed cannot be honoured by small; leave that out, or ask with model=auto."


@pytest.mark.parametrize(
    ("sizes", "size", "makes"),
    [
        (LARGE, (4096, 64), "width and height up to 2,048"),
        (LARGE, (2048, 64), "width and height up to 2,048, one of them at most 4 times the other"),
        (
            Sizes(within=SizeRange(64, 2048, 8, 10**6)),
            (1024, 1024),
            "width and height up to 2,048 and 1,000,000 pixels in all",
        ),
        (
            Sizes(within=SizeRange(1, 2048, 8, None, 2048 * 256)),
            (1024, 64),
            "width and height up to 2,048, one of them at most 8 times the other",
        ),
        (
            Sizes(within=SizeRange(64, 2048, 64, 10**6)),
            (1000, 1000),
            "width and height up to 2,048 and 1,000,000 pixels in all, both multiples of 64",
        ),
        (Sizes(((8192, 2048), (1000, 504), (1001, 505))), (1024, 512), "1000x504 and smaller ones of such proportions"),
        (Sizes(), (64, 64), "a size for each shape"),
    ],
    ids=str,
)
def test_the_bounds_that_refuse_it_are_told(pipeline_of, sizes, size, makes):
    pipeline = pipeline_of(Played("one", sizes=sizes))
    error = refused(pipeline, InvalidParameter, model="one", width=size[0], height=size[1])
    assert str(error) == f"width and height cannot be honoured by one. It makes {makes}."


def test_the_side_that_follows_from_the_ratio_is_told(pipeline_of):
    error = refused(
        pipeline_of(Played("one", sizes=LARGE)), InvalidParameter, model="one", width=1000, aspect_ratio="1:4"
    )
    assert str(error) == (
        "width cannot be honoured by one. With aspect_ratio it is 1000x4000. It makes width and height up to 2,048."
    )


def test_one_that_cannot_answers_while_the_one_that_can_is_down_and_it_is_passed_over(pipeline_of):
    large = Played("large", EngineRateLimited("Full.", 60), sizes=LARGE)
    pipeline = pipeline_of(Played("small"), large)
    result, _ = ask(pipeline, **AS_SIZE)
    assert (told(result), over(result)) == (("small", (768, 512), ["size"]), [("large", "engine_rate_limited")])
    wished, _ = ask(pipeline, **WISH)
    assert (told(wished), over(wished)) == (("small", (768, 512), ["size"]), [])
    large.does = None
    assert told(ask(pipeline_of(Played("small"), large), **AS_SIZE)[0]) == ("large", TRUE, None)


@pytest.mark.parametrize(
    ("file", "size", "ignored"),
    [((2048, 1152), TRUE, None), ((1152, 2048), (1152, 768), ["size"]), ((512, 288), (512, 288), ["size"])],
)
def test_a_file_of_another_size_is_scaled_down_or_told(pipeline_of, file, size, ignored):
    result, _ = ask(pipeline_of(Played("large", sizes=LARGE, file=file)), **AS_SIZE)
    assert told(result) == ("large", size, ignored)
    assert result.shape == ("landscape" if size[0] > size[1] else "portrait")


def test_a_file_of_another_size_than_was_asked_of_a_named_one_is_its_failure(pipeline_of):
    pipeline = pipeline_of(Played("large", sizes=LARGE, file=(512, 288)))
    assert refused(pipeline, BadPicture, model="large", **AS_SIZE).code == "picture_wrong_size"
    assert told(ask(pipeline, model="large", **WISH)[0]) == ("large", (512, 288), ["size"])


def test_a_service_that_promises_a_size_fails_with_another_and_the_next_one_answers(pipeline_of):
    promised = Sizes(LARGE.native, LARGE.within, promised=True)
    pipeline = pipeline_of(Played("one", sizes=promised, file=(512, 288)), Played("two", sizes=LARGE))
    result, _ = ask(pipeline, **AS_SIZE)
    assert (told(result), over(result)) == (("two", TRUE, None), [("one", "picture_wrong_size")])


def test_within_leaves_out_the_slow_one_that_makes_the_size(pipeline_of):
    pipeline = pipeline_of(Played("small", usual=5), Played("large", sizes=LARGE, usual=60))
    result, _ = ask(pipeline, within=30, **AS_SIZE)
    assert (told(result), over(result)) == (("small", (768, 512), ["size"]), [("large", "too_slow")])
    assert told(ask(pipeline, within=90, **AS_SIZE)[0]) == ("large", TRUE, None)


def test_a_picture_of_an_own_size_comes_in_the_shape(pipeline_of):
    for shape, size in (("portrait", (1024, 1536)), ("square", (1536, 1536)), ("landscape", (1536, 1024))):
        result, _ = ask(pipeline_of(Played("one", file=(1536, 1536))), shape=shape)
        assert (result.width, result.height, result.shape, result.ignored) == (*size, shape, None)
