"""The names that `lora_path` accepts."""

from pathlib import Path

import pytest

from render_worker.engines.diffusers.errors import LoraInvalid
from render_worker.engines.diffusers.loras.library import LoraLibrary

OUTSIDE = [
    "../outside.safetensors",
    "styles/../../outside.safetensors",
    "/etc/passwd",
    "link.safetensors",
    "folder/outside.safetensors",
    "loop.safetensors",
    ".hidden.safetensors",
    "styles",
    "styles/",
    "",
    ".",
    "..",
    "notes.txt",
    "pickle.bin",
    "none.safetensors",
    "x\0.safetensors",
    "x" * 5_000,
    "owner/other",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of LoRAs, with links that leave it."""
    folder = tmp_path / "loras"
    (folder / "styles" / "ink").mkdir(parents=True)
    (tmp_path / "outside.safetensors").touch()
    names = ("a.safetensors", "styles/b.safetensors", "styles/ink/c.safetensors", "styles/d e.safetensors")
    for name in (*names, ".hidden.safetensors", "notes.txt", "pickle.bin"):
        (folder / name).touch()
    (folder / "link.safetensors").symlink_to(tmp_path / "outside.safetensors")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "loop.safetensors").symlink_to(folder / "loop.safetensors")
    (folder / "inner.safetensors").symlink_to(folder / "styles" / "b.safetensors")
    return folder


def test_files_below_the_folder_and_repositories_are_listed(folder: Path) -> None:
    library = LoraLibrary(folder, ("owner/name", "a.safetensors"))
    assert [(source.name, source.path) for source in library.sources()] == [
        ("a.safetensors", folder / "a.safetensors"),
        ("inner.safetensors", folder / "inner.safetensors"),
        ("owner/name", None),
        ("styles/b.safetensors", folder / "styles" / "b.safetensors"),
        ("styles/ink/c.safetensors", folder / "styles" / "ink" / "c.safetensors"),
    ]


def test_a_name_may_leave_out_the_ending(folder: Path) -> None:
    library = LoraLibrary(folder, ("owner/name",))
    assert library.find("styles/b") == library.find("styles/b.safetensors")
    assert library.find("styles/b").name == "styles/b.safetensors"
    assert library.find("owner/name").path is None


@pytest.mark.parametrize("name", OUTSIDE)
def test_any_other_name_is_refused(name: str, folder: Path) -> None:
    with pytest.raises(LoraInvalid, match=r"^lora_path must be the name of a LoRA from /v1/loras/list\.$"):
        LoraLibrary(folder, ("owner/name",)).find(name)


def test_a_folder_that_is_missing_has_none(tmp_path: Path) -> None:
    library = LoraLibrary(tmp_path / "none", ())
    assert library.sources() == []
    with pytest.raises(LoraInvalid):
        library.find("a.safetensors")


def test_files_come_and_go(folder: Path) -> None:
    library = LoraLibrary(folder, ())
    (folder / "new.safetensors").touch()
    assert "new.safetensors" in [source.name for source in library.sources()]
    (folder / "new.safetensors").unlink()
    assert "new.safetensors" not in [source.name for source in library.sources()]
