"""The entries of API_KEYS, and the values of limits in them."""

import pytest
from pydantic import ValidationError

from image_api.key_entries import KeyEntry, dollars_of, entries_of, expiry_of, micros_of
from image_api.settings import Settings

HASH = "0123456789abcdef" * 4
OTHER = "f" * 64


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (f"blog:{HASH}", [KeyEntry("blog", HASH)]),
        (f" blog:{HASH.upper()} , ", [KeyEntry("blog", HASH)]),
        (f"a:{HASH},b:{OTHER}", [KeyEntry("a", HASH), KeyEntry("b", OTHER)]),
        (f"a:{HASH}:scopes=admin+jobs", [KeyEntry("a", HASH, ("jobs", "admin"))]),
        (f"a:{HASH}:per-minute=10:per-day=200", [KeyEntry("a", HASH, per_minute=10, per_day=200)]),
        (f"a:{HASH}:budget=1.50", [KeyEntry("a", HASH, budget=1_500_000)]),
        (f"a:{HASH}:budget=0", [KeyEntry("a", HASH, budget=0)]),
        (f"a:{HASH}:expires=2027-02-28", [KeyEntry("a", HASH, expires_at=1_803_859_200.0)]),
        (f"a:{HASH}:expires=20270228T120000Z", [KeyEntry("a", HASH, expires_at=1_803_816_000.0)]),
    ],
)
def test_an_entry_is_read_and_written(text, entries):
    assert list(entries_of(text)) == entries
    assert list(entries_of(",".join(map(str, entries)))) == entries


@pytest.mark.parametrize(
    "text",
    [
        "blog",
        "blog:",
        f":{HASH}",
        f"blog:{HASH[1:]}",
        f"blog:{HASH}0",
        f"-b:{HASH}",
        f"{'a' * 65}:{HASH}",
        f"a b:{HASH}",
        f"blog:{HASH}:",
        f"blog:{HASH}:color=red",
        f"blog:{HASH}:per-day=1:per-day=2",
        f"blog:{HASH}:per-minute=0",
        f"blog:{HASH}:per-minute=1.5",
        f"blog:{HASH}:scopes=",
        f"blog:{HASH}:scopes=all",
        f"blog:{HASH}:budget=-1",
        f"blog:{HASH}:budget=1e3",
        f"blog:{HASH}:expires=90d",
        f"blog:{HASH}:expires=2027-02-30",
        f"blog:{HASH}:expires=never",
    ],
)
def test_one_that_is_wrong_is_named_by_its_number_alone(text):
    with pytest.raises(ValidationError) as raised:
        Settings(api_keys=f"first:{OTHER},{text}")
    said = raised.value.errors()[0]["msg"]
    assert "entry 2: " in said
    assert HASH not in said
    assert "blog" not in said


@pytest.mark.parametrize(("text", "what"), [(f"a:{HASH},a:{OTHER}", "name"), (f"a:{HASH},b:{HASH}", "hash")])
def test_two_of_a_kind_are_refused(text, what):
    with pytest.raises(ValueError, match=f"two of its entries have the same {what}"):
        entries_of(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000), ("4w", 2_419_200), ("1970-01-02", 172_800)],
)
def test_an_expiry_is_a_duration_or_the_end_of_a_day(text, seconds):
    assert expiry_of(text, 0) == seconds


@pytest.mark.parametrize("text", ["", "0d", "1", "d", "-1d", "1y", "999999w", "9999-12-31", "2027-2-8", "2027-02-28T"])
def test_others_are_refused(text):
    with pytest.raises(ValueError, match="an expiry must be"):
        expiry_of(text, 0)


@pytest.mark.parametrize(
    ("text", "micros", "written"),
    [("1.50", 1_500_000, "1.50"), ("$2", 2_000_000, "2.00"), ("0.000001", 1, "0.000001"), ("0.125", 125_000, "0.125")],
)
def test_dollars_are_exact(text, micros, written):
    assert micros_of(text) == micros
    assert dollars_of(micros) == written
