"""A link within the documents leads to a heading that is there."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)? *$", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s#:]*)#([^()\s]+)\)")  # a colon would be another site's
LINKED = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def documents() -> list[Path]:
    """Return every markdown file of the repository, without those of the clients that the tests install."""
    folders = ("", "docs", "image_api", "render_worker", "sandbox", "local", "bench", "tests")
    found = {path for name in folders for path in (ROOT / name).glob("**/*.md" if name else "*.md")}
    return sorted(path for path in found if "node_modules" not in path.parts)


def anchor(heading: str) -> str:
    """Return a heading's anchor as GitHub makes it: small letters, no punctuation, and each space a hyphen."""
    text = LINKED.sub(r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a document; if a heading is repeated, its anchors are numbered."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", path.read_text())):
        name = plain = anchor(heading)
        number = 0
        while name in found:
            number += 1
            name = f"{plain}-{number}"
        found.add(name)
    return frozenset(found)


def links() -> list[tuple[Path, str, str]]:
    """Return every link to a heading: its document, the file that it names, and the anchor."""
    return [(path, *found) for path in documents() for found in LINK.findall(FENCED.sub("", path.read_text()))]


@pytest.mark.parametrize(
    ("path", "file", "name"), links(), ids=lambda it: str(it.relative_to(ROOT)) if isinstance(it, Path) else it
)
def test_every_link_to_a_heading_leads_to_one(path, file, name):
    target = (path.parent / file).resolve() if file else path
    assert target.is_file(), f"{path.name} links to {file}"
    if target.suffix == ".md":
        assert name in anchors(target), f"{path.name} links to {file}#{name}"


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("The API tier", "the-api-tier"),
        ("`GET /generate`: what & why?", "get-generate-what--why"),
        ("[Other](x.md) words_of-it", "other-words_of-it"),
        ("Größe 2", "größe-2"),
    ],
)
def test_a_heading_s_anchor_is_github_s(heading, name):
    assert anchor(heading) == name
