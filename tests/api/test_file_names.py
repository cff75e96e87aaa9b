"""File names: any script whole, in ASCII beside it, as every file system takes them."""

import unicodedata

import pytest

from image_api.web.file_names import MAX_BYTES, file_names

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG, THUMB = "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd"


@pytest.mark.parametrize(
    ("prompt", "exact", "plain"),
    [
        ("Sunset over mountains!", "sunset-over-mountains", "sunset-over-mountains"),
        ("แมวน่ารัก ในสวน", "แมวน่ารัก-ในสวน", "picture"),
        ("हिन्दी में क्षत्रिय", "हिन्दी-में-क्षत्रिय", "picture"),
        ("বাংলা ভাষা", "বাংলা-ভাষা", "picture"),
        ("தமிழ் மொழி", "தமிழ்-மொழி", "picture"),
        ("မြန်မာ", "မြန်မာ", "picture"),
        ("ភាសាខ្មែរ", "ភាសាខ្មែរ", "picture"),
        ("בְּרֵאשִׁית", unicodedata.normalize("NFC", "בְּרֵאשִׁית"), "picture"),
        ("مُحَمَّد", "مُحَمَّد", "picture"),
        ("می\u200cخواهم", "می\u200cخواهم", "picture"),
        ("ශ්\u200dරී ලංකා", "ශ්\u200dරී-ලංකා", "picture"),
        ("日本語・東京", "日本語-東京", "picture"),
        ("Дерево", "дерево", "picture"),
        ("красный boat", "красный-boat", "boat"),
        ("naïve café", "naïve-café", "naive-cafe"),
        ("cafe\u0301", "café", "cafe"),
        ("Straße", "straße", "strasse"),
        (f"{FAMILY} in {FLAG} {THUMB}!", f"{FAMILY}-in-{FLAG}-{THUMB}", "in"),
        ("1\ufe0f\u20e3 boat", "1\ufe0f\u20e3-boat", "1-boat"),
        ("\u2100 and \u33ae", "\u2100-and-\u33ae", "a-c-and-rads"),  # which NFKD writes with a slash
        ("../../etc/passwd", "etc-passwd", "etc-passwd"),
        ("C:\\x|y?*<>\"", "c-x-y", "c-x-y"),
        (".hidden", "hidden", "hidden"),
        ("ends with a dot. ", "ends-with-a-dot", "ends-with-a-dot"),
        ("a\u202egpj.exe", "agpj-exe", "agpj-exe"),
        ("\u2067\u200fa\u2069\u00ad\ufeffb", "ab", "ab"),
        ("a\u200db\u200c c\u200d", "ab-c", "ab-c"),
        ("\u0301 boat", "boat", "boat"),
        ("\u3164\u2800\u115f", "picture", "picture"),
        ("???", "picture", "picture"),
        ("a\ud800b", "a-b", "a-b"),
    ],
)  # fmt: skip
def test_it_works(prompt, exact, plain):
    assert file_names(prompt, 7, ".png") == (f"{exact}-7.png", f"{plain}-7.png")
    assert file_names(prompt, None, ".webp") == (f"{exact}.webp", f"{plain}.webp")


@pytest.mark.parametrize("name", ["con", "PRN", "Aux", "nul", "COM1", "lpt9", "com0", "COM¹"])
def test_windows_devices_are_no_names(name):
    for made in file_names(name, None, ".png"):
        assert made.startswith("picture-")
    assert file_names(name, 7, ".png")[0] == f"{name.lower()}-7.png"
    assert file_names(f"{name} boat", None, ".png")[0] == f"{name.lower()}-boat.png"


@pytest.mark.parametrize(
    "character",
    ["x", "é", "ก", "กำ", "น้ำ", "क्ष", "🌲", FAMILY, "\U0001f1e9\U0001f1ea", "\u33af", "각", "x" + "\u0301" * 3],
)
@pytest.mark.parametrize("seed", [None, 2**31 - 1])
def test_a_long_name_is_cut_between_characters(character, seed):
    for made in file_names(character * 2000, seed, ".webp"):
        assert len(made.encode()) <= MAX_BYTES
    words = file_names(character * 2000, None, "")[0]
    whole = unicodedata.normalize("NFC", character)
    assert words == whole * (len(words) // len(whole)) != ""
    assert len(words) // len(whole) in (60, MAX_BYTES // len(whole.encode()))


def test_a_character_too_long_for_a_name_is_none():
    assert file_names("a" + "\u0301" * 3000, 7, ".png") == ("picture-7.png", "picture-7.png")
