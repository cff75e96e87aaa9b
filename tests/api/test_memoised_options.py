"""What is memoised for a cached response: options by their query, their key in the cache, and parsed results."""

import copy

import pytest

from image_api.admission import Waiter
from image_api.generation.cache import MemoryCache
from image_api.generation.options import MAX_MEMOISED_BYTES, GenerationOptions
from image_api.generation.results import ResultCache, recipe_key
from image_api.generation.use_case import Generation
from image_api.settings import Settings
from image_api.web.message_options import MessageOptions
from render_worker.contract import GenerateResult, InvalidField
from tests.api.conftest import RESULT
from tests.api.test_use_case import Queue

QUERY = b"prompt=a+tree&seed=7&style=anime"


def test_equal_queries_have_the_same_options():
    assert GenerationOptions.parse_query(QUERY) is GenerationOptions.parse_query(bytes(bytearray(QUERY)))


def test_what_the_address_fixes_is_part_of_them():
    plain, png = GenerationOptions.parse_query(QUERY), GenerationOptions.parse_query(QUERY, format="image")
    assert (plain.format, png.format) == (None, "image")


def test_each_model_has_its_own():
    assert isinstance(MessageOptions.parse_query(QUERY), MessageOptions)
    assert type(GenerationOptions.parse_query(QUERY)) is GenerationOptions


def test_a_long_query_is_parsed_each_time():
    long = b"prompt=" + b"a" * MAX_MEMOISED_BYTES
    assert GenerationOptions.parse_query(long) == GenerationOptions.parse_query(long)
    assert GenerationOptions.parse_query(long) is not GenerationOptions.parse_query(long)


def test_an_invalid_query_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(InvalidField, match="seed"):
            GenerationOptions.parse_query(b"prompt=a&seed=x")


def test_the_key_is_computed_once():
    options, calls = GenerationOptions.parse_query(QUERY), []
    fresh = options.model_copy()

    def compute(recipe):
        calls.append(recipe)
        return recipe_key(recipe)

    assert fresh.memoised_key(compute) == fresh.memoised_key(compute) == recipe_key(options.in_style())
    assert len(calls) == 1


@pytest.mark.parametrize("change", [{"seed": 8}, {"prompt": "a dog"}, {"style": None}, {"width": 512, "height": 512}])
def test_a_changed_copy_has_its_own_key(change):
    options = GenerationOptions.parse_query(QUERY)
    key = options.memoised_key(recipe_key)
    changed = options.model_copy(update=change)
    assert changed.memoised_key(recipe_key) == recipe_key(changed.in_style()) != key


def test_a_memoised_key_is_nothing_to_compare():
    options = GenerationOptions(prompt="a tree", seed=7)
    other = copy.deepcopy(options)
    options.memoised_key(recipe_key)
    assert options == other
    assert hash(options) == hash(other)


def test_a_response_leaves_the_memoised_result_as_it_was():
    cache, options = MemoryCache(), GenerationOptions.parse_query(QUERY)
    generation, stored = Generation(Queue(), cache, Settings()), ResultCache(cache, 3600)
    generation.keep(options, GenerateResult.model_validate(RESULT))
    before = stored.get(recipe_key(options.in_style())).model_dump()
    for request_id in ("1", "2"):
        assert generation.generate(options, request_id, Waiter()).result.request_id == request_id
        assert generation.at_hand(options, generation.cached(options), request_id).result.request_id == request_id
    assert stored.get(recipe_key(options.in_style())).model_dump() == before


def test_a_picture_whose_host_may_have_lost_it_is_not_at_hand():
    options = GenerationOptions(prompt="a tree", seed=7)
    generation = Generation(Queue(), MemoryCache(), Settings())
    generation.keep(options, GenerateResult.model_validate({**RESULT, "image_url": "https://host.example/a.png"}))
    assert generation.at_hand(options, generation.cached(options), "1") is None
    assert generation.present(options, "1") is not None
    image = options.model_copy(update={"format": "image", "output_format": "png"})
    assert generation.at_hand(image, generation.cached(image), "1")
