"""Which models requests may name: the well-known ones, the allowed ones, and the folders in MODEL_CACHE_DIR."""

import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models import folders
from render_worker.engines.diffusers.models import registry as registry_module
from render_worker.engines.diffusers.models.registry import FRESH_SECONDS, ModelRegistry
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import EngineNotConfigured, InvalidParameter
from tests.fakes.processes import wait_until
from tests.worker.engines.diffusers.model_folder import NUMBERS, make_model

WELL_KNOWN = ("sd-xl-base", "sd-2-1", "sd-1-5")
XL = "stabilityai/stable-diffusion-xl-base-1.0"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry_of(tmp_path):
    """Return a function for registries whose folder is `models`, with these settings."""

    def make(clock=None, wait_seconds=60, **settings):
        mine = {"model_cache_dir": tmp_path / "models", "hf_home": tmp_path / "cache"}
        return ModelRegistry(DiffusersSettings(**{**mine, **settings}), clock or Clock(), wait_seconds)

    return make


def test_it_works(registry_of, tmp_path):
    make_model(tmp_path / "models" / "mine", sample_size=96)
    registry = registry_of()
    assert registry.names() == (*WELL_KNOWN, "mine")
    source = registry.find("mine")
    assert (source.layout, source.files.size_bytes > 0) == ("sd1", True)
    assert sum(source.files.parameters.values()) == 3 * NUMBERS
    assert source.sizes.native == ((768, 768),)
    assert "torch" not in sys.modules


def test_folders_come_and_go(registry_of, tmp_path):
    clock = Clock()
    registry = registry_of(clock)
    assert registry.names() == WELL_KNOWN
    make_model(tmp_path / "models" / "org" / "mine")
    assert registry.names() == WELL_KNOWN
    clock.now += FRESH_SECONDS
    assert registry.names() == (*WELL_KNOWN, "org/mine")
    found = registry.find("org/mine")
    clock.now += FRESH_SECONDS
    assert registry.find("org/mine") is found, "what has not changed is not read anew"
    config = tmp_path / "models" / "org" / "mine" / "unet" / "config.json"
    config.write_text('{"sample_size": 96, "use_linear_projection": true}')
    assert registry.find("org/mine", anew=True).layout == "sd2"
    shutil.rmtree(tmp_path / "models" / "org")
    with pytest.raises(InvalidParameter, match=r"^model must be one of sd-xl-base, sd-2-1, sd-1-5\.$"):
        registry.find("org/mine", anew=True)


@pytest.fixture
def slow_disk(monkeypatch):
    """Return a function after which the disk is read no sooner than `may_end` is set, and how often it was begun."""
    begun, may_end = [], threading.Event()
    read = folders.model_folders

    def wait_and_read(root):
        begun.append(1)
        assert may_end.wait(60)
        return read(root)

    def slow_down():
        monkeypatch.setattr(registry_module, "model_folders", wait_and_read)
        return begun, may_end

    yield slow_down
    may_end.set()


def test_a_slow_disk_holds_no_request_up_and_is_read_once_at_a_time(registry_of, tmp_path, slow_disk):
    clock = Clock()
    registry = registry_of(clock, wait_seconds=0)
    assert registry.names() == WELL_KNOWN
    make_model(tmp_path / "models" / "mine")
    begun, may_end = slow_disk()
    clock.now += FRESH_SECONDS
    for _ in range(3):
        assert registry.names() == WELL_KNOWN
        assert registry.find("sd-1-5").name == "sd-1-5"
        registry.check()
    assert len(begun) == 1
    may_end.set()
    wait_until(lambda: "mine" in registry.names(), "the new folder")


def test_what_must_be_as_on_the_disk_is_read_to_the_end(registry_of, tmp_path, slow_disk):
    clock = Clock()
    registry = registry_of(clock, wait_seconds=0)
    assert registry.names() == WELL_KNOWN
    _, may_end = slow_disk()
    clock.now += FRESH_SECONDS
    assert registry.names() == WELL_KNOWN  # so that it is being read
    make_model(tmp_path / "models" / "mine")
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(registry.find, "mine", anew=True)
        may_end.set()
        assert found.result(60).folder == tmp_path / "models" / "mine"


def test_a_disk_that_could_not_be_read_is_read_again(registry_of, tmp_path, monkeypatch):
    clock = Clock()
    registry = registry_of(clock)
    with monkeypatch.context() as patched:
        patched.setattr(registry_module, "model_folders", lambda root: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            registry.names()
    make_model(tmp_path / "models" / "mine")
    assert registry.names() == (*WELL_KNOWN, "mine")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../models/mine", "mine/../mine", "/etc", "mine/unet", "nothing", "mine\0", "x" * 1000]
)
def test_a_name_that_is_none_is_refused(registry_of, tmp_path, name):
    make_model(tmp_path / "models" / "mine")
    with pytest.raises(InvalidParameter):
        registry_of().find(name)


@pytest.mark.parametrize("name", [".hidden", "sp ace", "-dash", "a/b/c/d", "Umlaut-ü"])
def test_a_folder_whose_name_no_request_can_have_is_no_model(registry_of, tmp_path, name):
    make_model(tmp_path / "models" / name)
    assert registry_of().names() == WELL_KNOWN


def test_links_that_leave_the_folder_are_no_models(registry_of, tmp_path):
    outside = make_model(tmp_path / "outside")
    make_model(tmp_path / "models" / "inside")
    (tmp_path / "models" / "linked").symlink_to(outside)
    for name, part in (
        ("file", "unet/diffusion_pytorch_model.safetensors"),
        ("part", "unet"),
        ("index", "model_index.json"),
    ):
        folder = make_model(tmp_path / "models" / name)
        shutil.rmtree(folder / part) if (folder / part).is_dir() else (folder / part).unlink()
        (folder / part).symlink_to(outside / part)
    assert registry_of().names() == (*WELL_KNOWN, "inside")


def test_a_default_that_is_no_model_is_told_at_the_start(registry_of):
    registry_of(default_model_id=XL).check()
    registry_of(default_model_id="org/mine", diffusers_models=("org/mine",)).check()
    with pytest.raises(EngineNotConfigured, match=r"^DEFAULT_MODEL_ID must be one of sd-xl-base, sd-2-1, sd-1-5\.$"):
        registry_of(default_model_id="org/mine").check()


@pytest.mark.parametrize("name", ["sd-xl-base", XL, "diffusers", "auto"])
def test_a_model_has_its_repository_s_name_too_and_the_default_the_engine_s(registry_of, name):
    registry = registry_of(default_model_id=XL)
    assert registry.find(name).name == "sd-xl-base"
    assert registry.find(name).repository == XL
    assert {*registry.names(), XL} <= {*registry.accepted()}
    assert len({*registry.accepted()}) == len(registry.accepted())
    assert registry.names()[0] == "sd-xl-base"


@pytest.mark.parametrize("folder", ["sd-xl-base", XL])
def test_the_operator_s_own_folder_of_a_well_known_model_is_taken(registry_of, tmp_path, folder):
    make_model(tmp_path / "models" / folder)
    registry = registry_of()
    assert registry.names() == WELL_KNOWN
    assert registry.find("sd-xl-base").folder == tmp_path / "models" / folder


def snapshot(cache, repository):
    """Return the folder of a repository's download, which the cache says is the latest."""
    folder = cache / "hub" / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    return folder / "snapshots" / COMMIT


def test_what_was_downloaded_is_taken_and_what_is_cut_off_is_not(registry_of, tmp_path):
    registry = registry_of(diffusers_models=("org/mine", "org/other"))
    assert registry.names() == (*WELL_KNOWN, "org/mine", "org/other")
    assert registry.find("org/mine").folder is None
    folder = make_model(snapshot(tmp_path / "cache", "org/mine"), sample_size=96)
    blob = folder.parent.parent / "blobs" / "1"
    blob.parent.mkdir()
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(blob)
    weights.symlink_to(os.path.relpath(blob, weights.parent))
    found = registry.find("org/mine", anew=True)
    assert (found.folder, found.sizes.native) == (folder, ((768, 768),))
    blob.write_bytes(blob.read_bytes()[:-1])
    cut_off = registry.find("org/mine", anew=True)
    assert cut_off.folder is None
    assert isinstance(cut_off.problem, ModelUnusable)


@pytest.mark.parametrize("commit", ["../../../outside", "/etc", "", "\ud800", "a/b"])
def test_a_cache_s_reference_leads_nowhere_else(registry_of, tmp_path, commit):
    make_model(tmp_path / "outside")
    snapshot(tmp_path / "cache", "org/mine").parent.mkdir()
    reference = tmp_path / "cache" / "hub" / "models--org--mine" / "refs" / "main"
    reference.write_bytes(commit.encode("utf-8", "surrogatepass"))
    assert registry_of(diffusers_models=("org/mine",)).find("org/mine").folder is None


@pytest.mark.parametrize(
    ("sample_size", "bounds"),
    [(8, (64, 1024, 8)), (64, (512, 1024, 8)), (96, (512, 1024, 8)), (128, (512, 1024, 8)), (256, (512, 2048, 8))],
)
def test_the_sizes_are_the_seed_s_but_for_models_whose_own_data_say_otherwise(
    registry_of, tmp_path, sample_size, bounds
):
    make_model(tmp_path / "models" / "mine", sample_size=sample_size)
    sizes = registry_of().find("mine").sizes
    assert sizes.native == ((sample_size * 8, sample_size * 8),)
    assert (sizes.within.least, sizes.within.most, sizes.within.step) == bounds


@pytest.mark.parametrize(
    ("name", "square", "landscape"),
    [("sd-xl-base", (1024, 1024), (1024, 688)), ("sd-2-1", (768, 768), (768, 512)), ("sd-1-5", (512, 512), (768, 512))],
)
def test_the_shapes_of_the_well_known_models_are_within_the_seed_s_sizes(registry_of, name, square, landscape):
    shapes = registry_of().find(name).sizes.for_clients().shapes
    assert shapes == {"square": square, "landscape": landscape, "portrait": landscape[::-1]}


def test_a_broken_folder_is_listed_and_says_why(registry_of, tmp_path):
    (make_model(tmp_path / "models" / "mine") / "unet" / "config.json").unlink()
    source = registry_of().find("mine")
    assert str(source.problem) == "The model mine cannot be loaded: it has no unet/config.json."
    assert (source.files, source.layout) == (None, None)
    assert registry_of().capabilities_of("mine").steps


def test_a_folder_with_very_much_in_it_does_not_keep_requests_waiting(registry_of, tmp_path, monkeypatch):
    monkeypatch.setattr("render_worker.engines.diffusers.models.folders.MAX_FOLDERS", 20)
    for number in range(40):
        (tmp_path / "models" / f"{number:02}" / "x").mkdir(parents=True)
    make_model(tmp_path / "models" / "zz")
    assert registry_of().names() == WELL_KNOWN
