"""The bills of materials of both images: valid, and whole."""

import json
import re

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.sbom import ROOT, bill_of_materials, images

STATUS = """Package: chromium-headless-shell
Status: install ok installed
Architecture: amd64
Version: 156.0.8078.114-1~deb12u1
Description: a browser
 Version: of a description

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u13
"""


@pytest.fixture(params=images(), ids=lambda image: image.name)
def image(request):
    return request.param


@pytest.fixture
def text(image):
    return bill_of_materials(image, STATUS)


def test_it_is_valid(text):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["specVersion"] == "1.6"


def test_a_broken_one_is_not(text):
    broken = json.loads(text)
    broken["components"][0].pop("name")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken))


def test_it_has_the_base_image_and_what_debian_has_installed(image, text):
    names = {it["purl"] for it in json.loads(text)["components"]}
    name, tag = image.base
    assert f"pkg:docker/{name}@{tag}" in names
    assert "pkg:deb/debian/chromium-headless-shell@156.0.8078.114-1~deb12u1?arch=amd64" in names
    assert sum(purl.startswith("pkg:deb/") for purl in names) == 2


def test_it_has_every_locked_package_of_linux_with_its_hashes(image, text):
    found = {it["name"]: it for it in json.loads(text)["components"] if it["purl"].startswith("pkg:pypi/")}
    locked = "".join(path.read_text() for path in image.locks)
    pinned = dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+) \\$", locked, re.MULTILINE))
    assert pinned
    assert {name: found[name]["version"] for name in pinned} == pinned
    hashes = [it["content"] for component in found.values() for it in component["externalReferences"][0]["hashes"]]
    assert set(hashes) <= set(re.findall(r"--hash=sha256:(\w+)", locked))
    assert all(component["externalReferences"][0]["hashes"] for component in found.values())
    assert "tzdata" not in found  # of Windows alone


def test_the_api_s_names_what_is_vendored(text, image):
    vendored = {it["purl"] for it in json.loads(text)["components"] if it["purl"].startswith("pkg:npm/")}
    folders = {path.name for path in (ROOT / "image_api/vendor").iterdir()}
    assert vendored == ({f"pkg:npm/{'@'.join(it.rsplit('-', 1))}" for it in folders} if image.vendored else set())


def test_every_component_is_one_that_the_image_depends_on(text):
    document = json.loads(text)
    own = document["metadata"]["component"]["bom-ref"]
    (dependencies,) = (it["dependsOn"] for it in document["dependencies"] if it["ref"] == own)
    assert sorted(dependencies) == sorted(it["bom-ref"] for it in document["components"])
