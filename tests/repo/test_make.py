"""The Makefile: its help, and the targets that choose a program by what works here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("sh", "make", "sed", "od", "tr", "grep")
WORKS, FAILS = "#!/bin/sh\necho ran: $0 $*\n", "#!/bin/sh\nexit 1\n"
NO_ENGINE = '#!/bin/sh\n[ "$1" != info ]\n'
SHOWS_WORKERS = '#!/bin/sh\necho "ran: $0 $* in ${COMPOSE_PROFILES-no profile} with ${COMPOSE_WORKERS-the default}"\n'
KNOWS_WAIT = '#!/bin/sh\necho "ran: $0 $* by $WORKER_TOKEN of $ENV_FILE"\n[ "$3" != --help ] || echo "  --wait  Wait"\n'
WITHOUT_PLUGIN = '#!/bin/sh\n[ "$1" != compose ] || exit 1\n'


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with what `make build` needs, and nothing else on the PATH."""
    (tmp_path / "bin").mkdir()
    for name in NEEDED:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    (tmp_path / "local").mkdir()
    for name in ("Makefile", ".env.example", "local/compose.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(checkout: Path, target: str, *settings: str, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a target where these programs are installed."""
    for name, script in programs.items():
        path = checkout / "bin" / name.replace("_", "-")
        path.write_text(script)
        path.chmod(0o755)
    environment = {"PATH": str(checkout / "bin")}
    command = ["make", target, *settings]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        ({"docker": WORKS}, "docker compose"),
        ({"docker": WORKS, "podman_compose": WORKS}, "docker compose"),
        ({"docker": NO_ENGINE, "podman_compose": WORKS}, "podman-compose"),
        ({"docker": FAILS, "podman_compose": WORKS}, "podman-compose"),
        ({"docker": WITHOUT_PLUGIN, "docker_compose": WORKS}, "docker-compose"),
    ],
    ids=lambda it: it if isinstance(it, str) else " ".join(it),
)
@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("build", "build"),
        ("up", "up --detach"),
        ("start", "up --detach"),
        ("logs", "logs --follow"),
        ("stop", "down"),
    ],
)
def test_compose_is_whichever_works_here(checkout, programs, chosen, target, arguments):
    done = make(checkout, target, **programs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"ran: {checkout}/bin/{chosen} {arguments}"


@pytest.mark.parametrize(
    "programs", [{}, {"docker": FAILS}, {"docker": NO_ENGINE, "docker_compose": WORKS}], ids=" ".join
)
def test_without_any_it_says_what_is_missing_and_leaves_nothing(checkout, programs):
    done = make(checkout, "build", **programs)
    assert done.returncode != 0
    assert done.stderr.startswith("No Compose works here: ")
    assert "make run" in done.stderr
    assert not (checkout / ".env").exists()


def test_without_any_the_profile_gpu_leads_to_a_run_of_its_engine(checkout):
    for target in ("build", "up", "logs", "stop"):
        said = make(checkout, target, "PROFILE=gpu", docker=FAILS).stderr
        assert "'ENGINES=diffusers make run' starts both tiers without containers: docs/gpu.md." in said
        assert "'make run'" not in said


def test_a_profile_that_compose_yaml_has_not_starts_nothing(checkout):
    shutil.copy(ROOT / "compose.yaml", checkout)
    done = make(checkout, "up", "PROFILE=gup", docker=WORKS)
    assert done.returncode != 0
    assert done.stderr.startswith("compose.yaml has no profile gup.")
    assert "ran" not in done.stdout
    for known in ("gpu", "scale", "gpu,scale"):
        assert make(checkout, "up", f"PROFILE={known}", docker=WORKS).returncode == 0


def test_a_missing_env_gets_a_secret_and_one_that_is_there_stays(checkout):
    assert "Made .env" in make(checkout, "build", docker=WORKS).stderr
    made = (checkout / ".env").read_text()
    assert re.findall(r"^WORKER_TOKEN=(.*)$", made, re.MULTILINE)[0].isalnum()
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    assert "Made .env" not in make(checkout, "start", docker=WORKS).stderr
    assert (checkout / ".env").read_text() == made


@pytest.mark.parametrize(("target", "command"), [("logs", "logs --follow"), ("stop", "down")])
def test_what_starts_nothing_makes_no_env_and_uses_the_one_that_is_there(checkout, target, command):
    done = make(checkout, target, docker=KNOWS_WAIT)
    assert done.stdout.splitlines()[-1].endswith(f"docker compose {command} by unused of .env.example")
    assert not (checkout / ".env").exists()
    (checkout / ".env").write_text("WORKER_TOKEN=mine\n")
    assert make(checkout, target).stdout.splitlines()[-1].endswith(f"docker compose {command} by  of ")


def test_start_waits_if_compose_can(checkout):
    started = make(checkout, "start", docker=KNOWS_WAIT).stdout.splitlines()[-1]
    assert "docker compose up --detach --wait by" in started
    assert "--wait" not in make(checkout, "build").stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("build", "build image-api render-worker-gpu"),
        ("up", "up --detach --no-deps image-api render-worker-gpu"),
        ("logs", "logs --follow"),
        ("stop", "down"),
    ],
)
def test_the_profile_gpu_is_the_api_before_the_gpu_s_worker_without_the_other(checkout, target, arguments):
    said = make(checkout, target, "PROFILE=gpu", docker=SHOWS_WORKERS).stdout.splitlines()[-1]
    assert said.endswith(f"docker compose {arguments} in gpu with http://render-worker-gpu:8001")
    said = make(checkout, target).stdout.splitlines()[-1]
    assert said.endswith("in no profile with the default")


def test_another_profile_is_compose_s_own(checkout):
    said = make(checkout, "up", "PROFILE=scale", docker=SHOWS_WORKERS).stdout.splitlines()[-1]
    assert said.endswith("docker compose up --detach in scale with the default")


def test_the_workers_that_env_names_stay(checkout):
    (checkout / ".env").write_text("COMPOSE_WORKERS=http://render-worker-gpu:8001,http://render-worker:8001\n")
    said = make(checkout, "up", "PROFILE=gpu", docker=SHOWS_WORKERS).stdout.splitlines()[-1]
    assert said.endswith("in gpu with the default")  # which Compose takes from .env


def test_up_waits_with_the_profile_too(checkout):
    started = make(checkout, "up", "PROFILE=gpu", docker=KNOWS_WAIT).stdout.splitlines()[-1]
    assert "docker compose up --detach --wait --no-deps image-api render-worker-gpu by" in started


def test_clean_removes_pictures_and_environments_but_no_database_of_jobs(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    jobs = {".data/jobs.db", ".data/jobs.db-wal", ".data/jobs.db-shm"}
    kept = {*jobs, ".data/models/a.safetensors", ".data/loras/b.safetensors", "mine.db", "Makefile"}
    gone = {
        ".data/images/a.png",
        ".data/images/jobs.db/b.png",
        ".data/budgets.sqlite3",
        ".venv/bin/python",
        ".venv-diffusers/x",
        "build/x",
    }
    for name in (kept | gone) - {"Makefile"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".data/.hidden").mkdir()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_clean_leaves_no_empty_folder_and_needs_none(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".data/images").mkdir(parents=True)
    for _ in range(2):
        subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
        assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


def test_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert sorted(re.findall(r"^  make (\S+) +\S", listed, re.MULTILINE)) == sorted(phony)


@pytest.mark.parametrize(
    ("given", "extras"),
    [
        ({}, set()),
        ({"ENGINES": "replicate,openai:box", "COMFYUI_URL": "http://own"}, {"replicate"}),
        ({"COMFYUI_URL": "http://own"}, {"comfyui"}),
        ({"comfyui_url": "http://own"}, {"comfyui"}),
    ],
)
def test_a_local_run_has_the_packages_of_the_engines_that_it_enables(given, extras):
    environment = {"PATH": os.environ["PATH"], **given}
    command = ["make", "--dry-run", "--always-make", "run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert set(re.findall(r"requirements-([a-z0-9]+)\.txt", done.stdout)) == extras


def test_the_tests_end_with_those_that_have_an_environment_of_their_own():
    command = ["make", "--dry-run", "--always-make", "test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    tried = re.findall(r"^(\S+)/python -m pytest .*?(tests/\S+)", done.stdout, re.MULTILINE)
    assert tried[-1] == (".venv-diffusers/bin", "tests/diffusers")
    assert ".venv-diffusers/bin" not in dict(tried[:-1])
