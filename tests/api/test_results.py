"""What is stored in the cache: keys and JSON are those of every version, and each value is read back as it was."""

import json

import pytest

from image_api.errors import ApiError, Relayed, ServiceBusy
from image_api.generation import results
from image_api.generation.cache import MemoryCache
from image_api.generation.options import GenerationOptions
from image_api.generation.results import ResultCache, outcome_of, recipe_key, result_of
from render_worker.contract import ErrorBody, ErrorLine, GenerateResult, Recipe
from tests.api.conftest import RESULT

KEY = "83c9fd175e73eba36abbc068cf663bec8d5b32ca1e7a01239a66af4d105c6f6c"
STORED = json.dumps({**RESULT, "cached": False, "nsfw": None}, separators=(",", ":"))
RECIPE = Recipe(prompt="a tree é")


class Recorder(MemoryCache):
    """A cache that remembers what is put, by the keys that Redis has."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, str] = {}

    def put(self, kind, key, value, seconds):
        self.entries[kind.key.format(key)] = value.decode()
        super().put(kind, key, value, seconds)


@pytest.fixture
def cache() -> Recorder:
    return Recorder()


@pytest.fixture
def result() -> GenerateResult:
    return GenerateResult.model_validate(RESULT)


def test_it_works(cache, result):
    stored = ResultCache(cache, 60)
    stored.save(recipe_key(RECIPE), RECIPE, result)
    assert stored.get(recipe_key(RECIPE)) == result
    assert stored.recipe_of(result.image_url) == RECIPE


def test_a_key_is_the_hash_of_the_recipe_alone():
    assert recipe_key(RECIPE) == KEY
    assert recipe_key(GenerationOptions(prompt="a tree é", format="image", cache_without_seed=True)) == KEY


def test_a_quality_has_a_key_of_its_own_unless_it_changes_nothing():
    def key_at(quality: int | None, output_format: str) -> str:
        return recipe_key(Recipe(prompt="a tree é", output_compression=quality, output_format=output_format))

    assert key_at(100, "png") == KEY
    assert len({key_at(quality, "jpeg") for quality in (None, 0, 100)}) == 3


def test_results_and_recipes_are_stored_as_by_every_version(cache, result):
    ResultCache(cache, 60).save(KEY, RECIPE, result)
    found, recipe = cache.entries.values()
    assert list(cache.entries) == [
        f"img_cache:{KEY}",
        "img_recipe:750f74f0d371b1df58dd35721939d79c06a009f46ce87bd5d0ae8d0b6a41a5df",
    ]
    assert json.loads(found) == json.loads(STORED)
    assert recipe == (
        '{"prompt":"a tree é","negative_prompt":null,"seed":-1,"guidance_scale":7.0,"shape":"square",'
        '"model":"auto","output_format":"png"}'
    )


def test_outcomes_are_stored_as_by_every_version(cache, result):
    results.replays(cache).put("f", outcome_of(result), 60)
    results.regenerations(cache).put("k", outcome_of(ServiceBusy("Full.")), 60)
    assert list(cache.entries) == ["img_outcome:f", "img_again:k"]
    replay, regeneration = map(json.loads, cache.entries.values())
    assert replay == {"event": "result", "result": json.loads(STORED)}
    assert regeneration == {
        "event": "error",
        "status": 503,
        "error": {"success": False, "error": "Full.", "code": "service_busy", "retry_after": 15},
    }


def test_failures_are_stored_as_by_every_version(cache):
    line = ErrorLine(status=503, error=ErrorBody(error="Busy.", code="worker_busy", retry_after=15))
    results.failures(cache).put(KEY, results.FlightFailure(flight="ab", line=line), 5)
    assert cache.entries == {
        f"img_cache:{KEY}:failure": (
            '{"flight":"ab","line":{"event":"error","status":503,"error":{"success":false,"error":"Busy.",'
            '"code":"worker_busy","hint":null,"retry_after":15,"cost":null,"expected_seconds":null,"fallback_from":null,'
            '"request_id":null,"simulated":null}}}'
        )
    }


def test_an_outcome_is_returned_or_raised_again(result):
    assert result_of(outcome_of(result)) == result
    with pytest.raises(Relayed, match="Full"):
        result_of(outcome_of(ServiceBusy("Full.")))


def test_a_fault_is_stored_without_its_words():
    with pytest.raises(Relayed) as caught:
        result_of(outcome_of(RuntimeError("a secret")))
    assert caught.value.body().code == ApiError.code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", [b"{}", b"no JSON", b'{"event": "unknown"}'])
def test_an_entry_of_another_version_is_a_miss(cache, text):
    for kind in (results.RESULTS, results.RECIPES, results.REPLAYS, results.REGENERATIONS, results.FAILURES):
        cache.put(kind, "k", text, 60)
    stores = ResultCache(cache, 60), results.replays(cache), results.regenerations(cache), results.failures(cache)
    assert [store.get("k") for store in stores] == [None] * 4


def test_a_reservation_is_no_value_and_made_once(cache):
    store = results.regenerations(cache)
    assert [store.reserve("k", 60), store.reserve("k", 60)] == [True, False]
    assert store.is_reserved("k")
    assert store.get("k") is None
    store.put("k", outcome_of(ServiceBusy("Full.")), 60)
    assert not store.is_reserved("k")
