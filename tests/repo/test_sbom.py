"""The bills of materials of both images: valid, and whole."""

import json
import re
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.sbom import ROOT, bill_of_materials, images

NAMES = ("flask", "pydantic-core", "typing-extensions")
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


def pinned(image):
    """Return the version of each package that may be in the image."""
    locked = "".join(path.read_text() for path in image.locks)
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+?)(?: ; .*)? \\$", locked, re.MULTILINE))


def installed(image, *names):
    """Return what slim-packages.sh writes of these packages."""
    versions = pinned(image)
    return " ".join(f"{name.replace('-', '_')}-{versions[name]}.dist-info" for name in names) + "\n"


@pytest.fixture
def text(image):
    return bill_of_materials(image, STATUS, installed(image, *NAMES))


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


def test_it_has_the_packages_that_are_installed_with_the_hashes_of_their_files(image, text):
    found = {it["name"]: it for it in json.loads(text)["components"] if it["purl"].startswith("pkg:pypi/")}
    assert {name: it["version"] for name, it in found.items()} == {name: pinned(image)[name] for name in NAMES}
    locked = "".join(path.read_text() for path in image.locks)
    hashes = {name: [it["content"] for it in found[name]["externalReferences"][0]["hashes"]] for name in NAMES}
    assert all(hashes.values())
    assert {it for each in hashes.values() for it in each} <= set(re.findall(r"--hash=sha256:(\w+)", locked))


def test_every_locked_package_can_be_in_it(image):
    everything = bill_of_materials(image, STATUS, installed(image, *pinned(image)))
    names = {it["name"] for it in json.loads(everything)["components"] if it["purl"].startswith("pkg:pypi/")}
    assert names == set(pinned(image))


def test_an_image_of_other_versions_has_no_bill(image):
    with pytest.raises(SystemExit, match=r"other packages than the locks: \[\('flask', '0\.1'\)\]"):
        bill_of_materials(image, STATUS, "flask-0.1.dist-info")


def test_an_image_without_packages_has_a_bill_of_the_rest(image):
    document = json.loads(bill_of_materials(replace(image, vendored=None), STATUS, "\n"))
    assert len(document["components"]) == 3


def test_the_api_s_names_what_is_vendored(text, image):
    vendored = {it["purl"] for it in json.loads(text)["components"] if it["purl"].startswith("pkg:npm/")}
    folders = {path.name for path in (ROOT / "image_api/vendor").iterdir()}
    assert vendored == ({f"pkg:npm/{'@'.join(it.rsplit('-', 1))}" for it in folders} if image.vendored else set())


def test_every_component_is_one_that_the_image_depends_on(text):
    document = json.loads(text)
    own = document["metadata"]["component"]["bom-ref"]
    (dependencies,) = (it["dependsOn"] for it in document["dependencies"] if it["ref"] == own)
    assert sorted(dependencies) == sorted(it["bom-ref"] for it in document["components"])
