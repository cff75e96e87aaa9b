"""`python -m local.sbom`: write a CycloneDX bill of materials of each built image into build/sbom.

It names the base image, the Debian packages and the Python packages that the image has, the latter with the hashes of
the files that were locked, and what lies in the image's own folders of another origin. The images are those of
`make image`.
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
from packaging.utils import canonicalize_name

from local.image_files import file_in_image
from render_worker.contract import VERSION

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/sbom"
STATUS = "/var/lib/dpkg/status"
PACKAGES = "/opt/venv/packages.txt"
"""The folders of the installed packages' metadata: slim-packages.sh writes it."""
FROM = re.compile(r"^FROM (?P<name>\S+?):(?P<tag>\S+) AS base$", re.MULTILINE)
PINNED = re.compile(
    r"^(?P<name>[a-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>\S+)(?: ; [^\\\n]+?)? \\\n"
    r"(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)",
    re.MULTILINE,
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VENDORED = re.compile(r"(?P<name>[a-z-]+)-(?P<version>\d+(?:\.\d+)+)")


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
    """Return both tiers' images, with all that may be installed in them."""
    worker = root / "render_worker"
    locked = tuple(path.with_suffix(".txt") for path in sorted(worker.glob("requirements*.in")))
    return (
        Image("image-api", root / "Dockerfile", (root / "requirements.txt",), root / "image_api/vendor"),
        Image("render-worker", worker / "Dockerfile", locked),
    )


def bill_of_materials(image: Image, dpkg_status: str, packages: str) -> str:
    """Return an image's bill of materials as CycloneDX 1.6 in JSON.

    `dpkg_status` is Debian's list of its packages, and `packages` has the folders of the Python packages' metadata.
    """
    name, tag = image.base
    base = _component(ComponentType.CONTAINER, "docker", name, tag)
    components = [base, *debian_packages(dpkg_status), *python_packages(image, packages), *vendored(image.vendored)]
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


def python_packages(image: Image, packages: str) -> list[Component]:
    """Return the packages that are installed. Raises SystemExit if one is not as it was locked."""
    pinned = {(it["name"], it["version"]): it for path in image.locks for it in PINNED.finditer(path.read_text())}
    installed = [tuple(folder.removesuffix(".dist-info").rsplit("-", 1)) for folder in packages.split()]
    names = [(str(canonicalize_name(name)), version) for name, version in installed]
    if unknown := [name for name in names if name not in pinned]:
        sys.exit(f"{image.name} has other packages than the locks: {unknown}. make image builds it anew.")
    return [_python_package(pinned[name]) for name in sorted(names)]


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
        text = bill_of_materials(image, *(file_in_image(image.name, path, options) for path in (STATUS, PACKAGES)))
        path = FOLDER / f"{image.name}.cdx.json"
        path.write_text(text + "\n")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
