"""The app's scripts and styles linked into one file each: order, names, comments, and what is refused."""

import gzip
import re
from pathlib import Path

import pytest

from image_api.web.pages import linked_files, static_files

PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
MODULES = {
    "main.js": 'import { b } from "./b.js";\nimport { a as first } from "./a.js";\n\nb(first);\n',
    "a.js": "/** A letter. */\n\nconst own = 1; // goes\n\n/**\n * Say a.\n * @returns {string}\n */\n"
    'export function a() {\n  // why\n  return "a // b";\n}\n\nexport const LONG = "/* no comment */";\n',
    "b.js": 'import {\n  LONG,\n  a,\n} from "./a.js";\n\nconst own = 2;\n'
    "export async function b(it) {\n  return it(own);\n}\n",
}


def link(**changed: str) -> str:
    """Return MODULES linked, with some of them changed."""
    modules = MODULES | {f"{name}.js": source for name, source in changed.items()}
    return linked_files.linked_script("main.js", modules.__getitem__)


def test_each_module_comes_once_after_those_that_it_imports():
    assert re.findall(r"^const \$(\w+) = ", link(), re.MULTILINE) == ["a", "b", "main"]


def test_what_modules_export_and_import_keeps_its_name():
    script = link()
    assert "return { a, LONG };" in script
    assert "const { LONG, a, } = $a;" in script
    assert "const { a: first } = $a;" in script
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)


def test_comments_go_and_no_text_does():
    script = link()
    assert "Say a." not in script
    assert "// why" not in script
    assert '"a // b"' in script
    assert '"/* no comment */"' in script
    assert "// goes" not in script


@pytest.mark.parametrize(
    "source",
    [
        "export default 1;\n",
        "export { a };\n",
        "export let a = 1;\n",
        'import * as b from "./b.js";\n',
        'import "./b.js";\n',
        'import { b } from "https://elsewhere.example/b.js";\n',
    ],
)
def test_other_forms_of_modules_are_refused_by_name(source):
    with pytest.raises(ValueError, match=r"^a\.js cannot be linked: (import|export) "):
        link(a=source)


def test_a_module_that_imports_itself_is_refused():
    with pytest.raises(ValueError, match=r"b\.js imports itself by way of a\.js"):
        link(a='import { b } from "./b.js";\nexport const a = b;\n')


@pytest.mark.parametrize("name", sorted(linked_files.LINKED))
def test_a_linked_file_is_served_compressed_and_for_ever(client, name):
    address = f"/static/{static_files.digest()}/{name}"
    plain = client.get(address)
    zipped = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert (plain.status_code, zipped.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in plain.headers["Cache-Control"]
    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) < len(plain.data) / 3


def test_the_page_itself_is_compressed_for_clients_that_take_it(client):
    plain = client.get("/", headers=PAGE)
    zipped = client.get("/", headers=PAGE | {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in zipped.headers["Vary"]
    assert b"app.js" in gzip.decompress(zipped.data)
    assert len(zipped.data) < len(plain.data) / 2


def test_no_module_has_a_text_of_several_lines_whose_indents_would_go():
    for path in (Path(linked_files.__file__).parent.parent / "static").glob("*.js"):
        assert [line for line in path.read_text().splitlines() if line.replace("\\`", "").count("`") % 2] == [], path
