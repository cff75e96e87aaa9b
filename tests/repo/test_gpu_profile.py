"""The image and the Compose service for an NVIDIA GPU: what is in them, and what they keep outside."""

import re
from pathlib import Path

import pytest
import yaml

from render_worker.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "render_worker" / "Dockerfile.gpu").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["render-worker-gpu"]
FOLDERS = {"MODEL_CACHE_DIR": "/models", "LORA_DIR": "/models/loras", "LOG_DIR": "/logs"}
CACHES = {"HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH"}
JOINED = re.sub(r" *\\\n *", " ", DOCKERFILE)  # a command is a line
STAGES = re.split(r"^FROM ", JOINED, flags=re.MULTILINE)[1:]


def settings_of_the_image() -> dict[str, str]:
    """Return the variables that the last stage sets."""
    lines = STAGES[-1].splitlines()
    return dict(pair.split("=", 1) for line in lines if line.startswith("ENV ") for pair in line.split()[1:])


def test_the_packages_are_installed_in_a_stage_of_their_own():
    heads = [stage.splitlines()[0] for stage in STAGES]
    official = re.search(r"^FROM (\S+) AS base$", (ROOT / "render_worker" / "Dockerfile").read_text(), re.MULTILINE)
    assert official
    assert heads == [f"{official[1]} AS base", "base AS packages", "base"]
    assert "pip install" not in STAGES[-1]
    assert STAGES[1].count("pip install --no-cache-dir ") == STAGES[1].count("pip install") == 3


def test_what_is_locked_is_installed_by_its_hashes_and_the_rest_by_its_versions():
    installed = re.findall(r"pip install (.*?)(?: &&|$)", STAGES[1], re.MULTILINE)
    locked = [it for it in installed if "-r requirements.txt" in it]
    assert all("--require-hashes" in it for it in locked)
    assert len(locked) == 1
    assert "\"$(grep '^torch==' requirements-diffusers.txt)\"" in installed[0]
    assert "-r requirements-diffusers.txt" in installed[1]


def test_its_optional_packages_are_files_that_are_there():
    (names,) = re.findall(r'^ARG EXTRAS="(.*)"$', DOCKERFILE, re.MULTILINE)
    assert [name for name in names.split() if not (ROOT / f"render_worker/requirements-{name}.txt").is_file()] == []


def test_it_runs_as_its_own_user_whose_the_folders_are():
    as_root, as_worker = STAGES[-1].split("\nUSER worker\n")
    (owned,) = re.findall(r"install --directory --owner=worker (.*)$", as_root, re.MULTILINE)
    kept = {path for path in settings_of_the_image().values() if path.startswith("/") and ":" not in path}
    roots = [folder for folder in owned.split() if folder.count("/") == 1 or folder.startswith("/data/")]
    assert [path for path in kept if not any(path == it or path.startswith(f"{it}/") for it in roots)] == []
    assert "RUN" not in as_worker
    assert "COPY" not in as_worker


def test_no_weights_are_in_it():
    volumes = re.findall(r'"([^"]+)"', re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)[0])
    assert volumes == ["/models", "/cache", "/logs"]
    assert not re.search(r"from_pretrained|snapshot_download|safetensors", STAGES[-1])
    sent = (ROOT / "render_worker" / ".dockerignore").read_text().splitlines()
    assert "*" in sent  # nothing is sent but what is named, and no folder of models is


def test_the_image_s_settings_are_settings():
    found = settings_of_the_image()
    assert {name: found[name] for name in FOLDERS} == FOLDERS
    assert all(found[name].startswith("/cache") for name in CACHES)
    assert found["ENGINES"] == "diffusers"
    others = {"PATH", "XDG_CACHE_HOME", "CUDA_CACHE_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}
    assert found.keys() - others <= VARIABLES
    assert "compute" in found["NVIDIA_DRIVER_CAPABILITIES"].split(",")


def test_the_service_has_a_gpu_and_the_image_s_volumes():
    assert SERVICE["profiles"] == ["gpu"]
    (device,) = SERVICE["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}  # CUDA_VISIBLE_DEVICES chooses
    mounted = dict(it.split(":") for it in SERVICE["volumes"])
    assert mounted == {"gpu-data": "/data", "models": "/models", "cache": "/cache", "logs": "/logs"}
    assert {"ports", "privileged", "mem_limit"}.isdisjoint(SERVICE)


@pytest.mark.parametrize("name", [*FOLDERS, "HF_HOME", "TORCH_HOME", "LOCAL_STORAGE_DIR", "BUDGET_FILE"])
def test_a_folder_of_another_start_in_env_changes_nothing(name):
    """What `.env` says for `make run` is no path in the container."""
    assert SERVICE["environment"][name] == settings_of_the_image()[name]


def test_the_service_is_the_other_worker_but_for_its_engines_and_folders():
    other = COMPOSE["services"]["render-worker"]
    own = {"ENGINES", "HF_HOME", "TORCH_HOME", *FOLDERS}
    assert {name: value for name, value in SERVICE["environment"].items() if name not in own} == {
        name: value for name, value in other["environment"].items() if name != "ENGINES"
    }
    assert (SERVICE["env_file"], SERVICE["restart"]) == (other["env_file"], other["restart"])
    assert SERVICE["build"]["dockerfile"] == "Dockerfile.gpu"


def test_the_api_asks_the_gpu_s_worker_if_the_example_s_lines_are_there():
    example = (ROOT / ".env.example").read_text()
    (block,) = (part for part in example.split("\n\n") if "# COMPOSE_PROFILES=gpu" in part)
    lines = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", block, re.MULTILINE))
    address = COMPOSE["services"]["image-api"]["environment"]["PERCHANCE_WORKER_URL"]
    assert address == "${COMPOSE_WORKERS:-http://render-worker:8001}"
    assert lines["COMPOSE_WORKERS"] == f"http://render-worker-gpu:{SERVICE['environment']['PORT']}"
