"""The results cache by random recipes, values and moments."""

import dataclasses
import string
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from image_api.generation import results
from image_api.generation.cache import ENTRY_BYTES, Kind, MemoryCache
from image_api.generation.results import recipe_key
from render_worker.contract import Recipe
from tests.worker.test_contract_at_random import FIELDS, request_of

KEYS = st.sampled_from(string.ascii_lowercase)
VALUES = st.binary(max_size=200)
SECONDS = st.sampled_from([0.5, 1.0, 5.0, 60.0])
SMALL = Kind("small:{}", 8 * (ENTRY_BYTES + 100))
OTHER = Kind("other:{}", 10**6)
EQUAL = {"request_id": "other", "timeout_seconds": 7.0, "within": None, "prefer": None, "previews": None}
"""Fields of a request that decide nothing of how its picture looks."""


def recipe_of(fields: dict[str, object]) -> Recipe | None:
    request = request_of(fields)
    return Recipe(**request.model_dump(include=results.RECIPE_FIELDS)) if request else None


@given(FIELDS)
def test_what_decides_nothing_of_the_picture_has_no_part_in_the_key(fields):
    request = request_of(fields)
    if request:
        assert recipe_key(request) == recipe_key(request.model_copy(update=EQUAL)) == recipe_key(recipe_of(fields))


@given(FIELDS, st.data())
def test_another_value_of_a_field_is_another_key(fields, data):
    name = data.draw(st.sampled_from(["prompt", "seed", "guidance_scale", "steps", "negative_prompt", "scheduler"]))
    changed = {"prompt": "x", "seed": 7, "guidance_scale": 3.5, "steps": 9, "negative_prompt": "x", "scheduler": "ddim"}
    one, other = recipe_of(fields), recipe_of({**fields, name: changed[name]})
    if one and other:
        assert (recipe_key(one) == recipe_key(other)) is (getattr(one, name) == getattr(other, name))


class Against(RuleBasedStateMachine):
    """A cache beside a dictionary: what it has is what was put last, and nothing once its time is over."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.cache = MemoryCache()
        self.expected: dict[tuple[Kind, str], tuple[float, bytes]] = {}
        after = results_deadline(lambda: self.now)
        self.patched = patch("image_api.generation.cache.Deadline", after)
        self.patched.start()

    def teardown(self) -> None:
        self.patched.stop()

    def known(self, kind: Kind, key: str) -> bytes | None:
        until, value = self.expected.get((kind, key), (0.0, b""))
        return value if until > self.now else None

    @rule(kind=st.sampled_from([SMALL, OTHER]), key=KEYS, value=VALUES, seconds=SECONDS)
    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        self.cache.put(kind, key, value, seconds)
        self.expected[kind, key] = self.now + seconds, value

    @rule(key=KEYS, value=VALUES, seconds=SECONDS)
    def add(self, key: str, value: bytes, seconds: float) -> None:
        stored = self.cache.add(OTHER, key, value, seconds)
        assert stored is (self.known(OTHER, key) is None)
        if stored:
            self.expected[OTHER, key] = self.now + seconds, value

    @rule(kind=st.sampled_from([SMALL, OTHER]), key=KEYS)
    def drop(self, kind: Kind, key: str) -> None:
        self.cache.drop(kind, key)
        self.expected.pop((kind, key), None)

    @rule(seconds=st.floats(0, 30))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def what_is_found_was_put_and_has_not_expired(self) -> None:
        for key in string.ascii_lowercase:
            assert self.cache.get(OTHER, key) == self.known(OTHER, key)
            assert self.cache.get(SMALL, key) in (None, self.known(SMALL, key))  # the eldest are evicted

    @invariant()
    def a_kind_keeps_to_its_bound(self) -> None:
        found = [self.cache.get(SMALL, key) for key in string.ascii_lowercase]
        assert sum(ENTRY_BYTES + len(value) for value in found if value is not None) <= SMALL.memory_bytes


def results_deadline(clock):
    """Return the class of deadlines with another clock."""

    @dataclasses.dataclass(frozen=True)
    class Deadline:
        at: float

        @classmethod
        def after(cls, seconds: float) -> "Deadline":
            return cls(clock() + seconds)

        @property
        def expired(self) -> bool:
            return clock() >= self.at

    return Deadline


TestAgainst = Against.TestCase
TestAgainst.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
