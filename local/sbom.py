"""`python -m local.sbom`: write a CycloneDX bill of materials of each built image into build/sbom.

It names the base image, the Debian packages that the image has, the Python packages of its locked sets with the hashes
of their files, and what lies in the image's own folders of another origin. The images are those of `make image`.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.markers import Marker

from local.image_files import file_in_image
from render_worker.contract import VERSION

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/sbom"
STATUS = "/var/lib/dpkg/status"
FROM = re.compile(r"^FROM (?P<name>\S+?):(?P<tag>\S+)$", re.MULTILINE)
PYTHON = re.compile(r"(?P<version>(?P<minor>\d+\.\d+)\.\d+)")
EXTRAS = re.compile(r'^ARG EXTRAS="(?P<names>[^"]*)"$', re.MULTILINE)
PINNED = re.compile(
    r"^(?P<name>[a-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)",
    re.MULTILINE,
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VENDORED = re.compile(r"(?P<name>[a-z-]+)-(?P<version>\d+(?:\.\d+)+)")
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


@dataclass(frozen=True)
class Image:
    """An image, and what it is made of."""

    name: str
    dockerfile: Path
    locks: tuple[Path, ...]
    vendored: Path | None = None
    """The folder of what comes from elsewhere, each in a folder of its name and version."""

    @property
    def base(self) -> tuple[str, str]:
        """Return the base image's name and tag."""
        found = FROM.search(self.dockerfile.read_text())
        assert found  # noqa: S101 - a Dockerfile begins so
        return found["name"], found["tag"]


def images(root: Path = ROOT) -> tuple[Image, ...]:
    """Return both tiers' images; the worker's with the packages of its default EXTRAS."""
    worker = root / "render_worker"
    extras = EXTRAS.search((worker / "Dockerfile").read_text())
    assert extras  # noqa: S101 - as above
    names = ["", *(f"-{name}" for name in extras["names"].split())]
    return (
        Image("image-api", root / "Dockerfile", (root / "requirements.txt",), root / "image_api/vendor"),
        Image("render-worker", worker / "Dockerfile", tuple(worker / f"requirements{name}.txt" for name in names)),
    )


def bill_of_materials(image: Image, dpkg_status: str) -> str:
    """Return an image's bill of materials as CycloneDX 1.6 in JSON; `dpkg_status` is Debian's list of its packages."""
    name, tag = image.base
    base = _component(ComponentType.CONTAINER, "docker", name, tag)
    components = [base, *debian_packages(dpkg_status), *python_packages(image), *vendored(image.vendored)]
    bom = Bom(components=components)
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=image.name, version=VERSION)
    bom.register_dependency(bom.metadata.component, components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def debian_packages(status: str) -> Iterator[Component]:
    """Yield the packages that are installed by dpkg's status file."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            qualifiers = {"arch": fields["Architecture"]}
            yield _component(ComponentType.LIBRARY, "deb", fields["Package"], fields["Version"], qualifiers, "debian")


def python_packages(image: Image) -> list[Component]:
    """Return the packages of the image's locked sets that its platform and Python have."""
    python = PYTHON.match(image.base[1])
    assert python  # noqa: S101 - the tag of Python's image
    environment = {**LINUX, "python_version": python["minor"], "python_full_version": python["version"]}
    pinned = (found for path in image.locks for found in PINNED.finditer(path.read_text()))
    wanted = (it for it in pinned if it["marker"] is None or Marker(it["marker"]).evaluate(environment))
    return list({found["name"]: _python_package(found) for found in wanted}.values())


def _python_package(found: re.Match[str]) -> Component:
    component = _component(ComponentType.LIBRARY, "pypi", found["name"], found["version"])
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in HASH.findall(found["hashes"])]
    # One of them is that of the file which pip chose: they are not the package's own.
    address = XsUri(f"https://pypi.org/simple/{found['name']}/")
    component.external_references.add(
        ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=address, hashes=hashes)
    )
    return component


def vendored(folder: Path | None) -> Iterator[Component]:
    """Yield what is in a folder of files of another origin, which are npm's packages."""
    for path in sorted(folder.iterdir()) if folder else ():
        if found := VENDORED.fullmatch(path.name):
            yield _component(ComponentType.LIBRARY, "npm", found["name"], found["version"])


def _component(
    kind: ComponentType,
    ecosystem: str,
    name: str,
    version: str,
    qualifiers: dict[str, str] | None = None,
    namespace: str | None = None,
) -> Component:
    purl = PackageURL(ecosystem, namespace, name, version, qualifiers)
    return Component(type=kind, name=name, version=version, purl=purl, bom_ref=str(purl))


def main() -> int:
    """Write the bills of materials; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.sbom", description=__doc__.partition("\n")[0])
    parser.add_argument("buildah", nargs="*", metavar="OPTION", help="global options of buildah, behind --")
    options: list[str] = parser.parse_args().buildah
    FOLDER.mkdir(parents=True, exist_ok=True)
    for image in images():
        text = bill_of_materials(image, file_in_image(image.name, STATUS, options))
        path = FOLDER / f"{image.name}.cdx.json"
        path.write_text(text + "\n")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
