"""What a link's signature covers: any change of the request makes it invalid, its percent-encoding none."""

import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from image_api.auth.errors import InvalidLink
from image_api.auth.signed_links import EXPIRES, SIGNATURE, signed_pairs, verify
from image_api.generation.query_strings import query_pairs

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NOW, LATER = 1_800_000_000, 1_800_000_900
PATHS = ["/generate", "/generate.png", "/generate.jpg", "/sheet", "/sheet.png"]
# What quoting has to do with, and the separators of the signed text, oftener than chance has them.
TEXTS = st.text(st.one_of(st.sampled_from("&=+%;#\n /?\"'aA0é"), st.characters(codec="utf-8")), max_size=12)
NAMES = TEXTS.filter(lambda name: name not in (EXPIRES, SIGNATURE))
PAIRS = st.lists(st.tuples(NAMES, TEXTS), max_size=6)
LINKS = st.tuples(st.sampled_from(PATHS), PAIRS)


def is_valid(path, pairs, keys=(KEY,), now=NOW) -> bool:
    try:
        verify(keys, path, pairs, now)
    except InvalidLink:
        return False
    return True


def sign(path, pairs, expires=LATER):
    return list(signed_pairs(KEY, path, pairs, expires))


def spelled(text: str, choice: random.Random) -> str:
    """Return a text percent-encoded in one of many ways."""

    def letter(byte: int) -> str:
        plain = chr(byte)
        may_be_plain = plain in string.ascii_letters + string.digits + "-._~!$'()*,:@/?"
        if may_be_plain and choice.random() < 0.6:
            return plain
        if plain == " " and choice.random() < 0.5:
            return "+"
        return f"%{byte:02x}" if choice.random() < 0.5 else f"%{byte:02X}"

    return "".join(map(letter, text.encode()))


@given(LINKS)
def test_what_was_signed_is_valid(link):
    path, pairs = link
    assert is_valid(path, sign(path, pairs))
    assert is_valid(path, sign(path, pairs), keys=(OTHER_KEY, KEY))


@given(LINKS, st.randoms(use_true_random=False))
def test_percent_encoding_and_the_order_of_names_change_nothing(link, choice):
    path, pairs = link
    signed = sign(path, pairs)
    names = sorted({name for name, _ in signed}, key=lambda _: choice.random())
    signed.sort(key=lambda pair: names.index(pair[0]))  # stable: one name's values stay in their order
    query = "&".join(f"{spelled(name, choice)}={spelled(value, choice)}" for name, value in signed)
    assert is_valid(path, query_pairs(query.encode()))


@given(LINKS, st.data())
def test_any_single_change_makes_it_invalid(link, data):
    path, pairs = link
    signed = sign(path, pairs)
    kind = data.draw(st.sampled_from(["path", "add", "remove", "repeat", "name", "value", "swap"]))
    at = data.draw(st.integers(0, len(signed) - 1))
    name, value = signed[at]
    changed = list(signed)
    if kind == "path":
        path = data.draw(st.one_of(st.sampled_from(PATHS), TEXTS.map("/{}".format)).filter(lambda it: it != path))
    elif kind == "add":
        changed.insert(at, data.draw(st.tuples(TEXTS, TEXTS)))
    elif kind == "remove":
        del changed[at]
    elif kind == "repeat":
        changed.insert(data.draw(st.integers(0, len(signed))), (name, value))
    elif kind == "swap":
        same = [index for index, pair in enumerate(signed) if pair[0] == name and pair[1] != value]
        assume(same)
        changed[at], changed[same[0]] = changed[same[0]], changed[at]
    else:
        text = data.draw(TEXTS.filter(lambda it: it != (name if kind == "name" else value)))
        changed[at] = (text, value) if kind == "name" else (name, text)
    assert not is_valid(path, changed)


@given(LINKS, st.integers(0, 42), st.sampled_from(string.ascii_letters + string.digits + "-_=+/é"))
def test_any_other_signature_is_invalid(link, position, letter):
    """Also one that decodes to the same bytes: base64's last letter has bits of no meaning."""
    path, pairs = link
    *limited, (_, signature) = sign(path, pairs)
    assume(signature[position] != letter)
    assert not is_valid(path, [*limited, (SIGNATURE, signature[:position] + letter + signature[position + 1 :])])
    assert not is_valid(path, [*limited, (SIGNATURE, signature + "=")])


@given(LINKS, LINKS)
def test_two_requests_never_share_a_signature(one, other):
    def signature(link):
        return sign(*link)[-1][1]

    def meaning(link):
        return link[0], sorted(link[1], key=lambda pair: pair[0])

    assert (signature(one) == signature(other)) == (meaning(one) == meaning(other))


@pytest.mark.parametrize("keys", [(), (OTHER_KEY,), (OTHER_KEY, KEY[:-1], KEY + b"k")])
def test_another_key_s_signature_is_invalid(keys):
    assert not is_valid("/generate", sign("/generate", [("prompt", "a")]), keys)


@pytest.mark.parametrize(
    "expires", ["", "0", "-1", "01800000900", "1800000900.0", "1e10", " 1800000900", "9" * 13, "١٨", "\udcff"]
)
def test_a_moment_has_one_spelling(expires):
    """Signed as by another program that has the key."""
    assert not is_valid("/generate", signed_pairs(KEY, "/generate", [], expires))


def test_an_expired_one_says_since_when():
    signed = sign("/generate", [("prompt", "a")])
    verify((KEY,), "/generate", signed, LATER - 1)
    with pytest.raises(InvalidLink, match=r"expired: it was valid until 2027-01-15 08:15 UTC\."):
        verify((KEY,), "/generate", signed, LATER)


def test_a_changed_one_is_not_called_expired():
    signed = [*sign("/generate", [("prompt", "a")]), ("seed", "1")]
    with pytest.raises(InvalidLink, match="not signed for this request"):
        verify((KEY,), "/generate", signed, LATER + 1)


def test_the_form_stays_the_same():
    """Links that were handed out hold over updates. OpenSSL computed this one, of the four lines of signed text."""
    pairs = [("seed", "7"), ("prompt", "a red böat+"), ("z", ""), ("prompt", "b")]
    expected = "vowLgi7IkneHhCfKmv-StRUbuiYUGBn7IGECfmARRRg"
    assert sign("/generate.png", pairs, 1_800_000_900) == [*pairs, (EXPIRES, "1800000900"), (SIGNATURE, expected)]
