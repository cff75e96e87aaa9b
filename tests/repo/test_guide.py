"""DEPLOYMENT_GUIDE.md and its siblings: what they show is there, whole, and works as it stands."""

import configparser
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from image_api.generation.options import GenerationOptions
from image_api.settings import Settings as ApiSettings
from render_worker.settings import VARIABLES
from tests.fakes.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "DEPLOYMENT_GUIDE.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", GUIDE, re.MULTILINE))
UNIT = re.compile(r"^`/etc/systemd/system/(\S+)\.service`:\n\n((?:    .*\n)+)", re.MULTILINE)
WIDTH = 100


def test_it_has_every_section_that_a_newcomer_looks_for():
    wanted = {
        "Before you begin",
        "Render, by blueprint",
        "Render, by hand",
        "Test it",
        "API usage",
        "Storages",
        "Troubleshooting",
        "Costs and limits",
        "Security",
        "Project structure",
        "Next steps",
        "Support",
    }
    assert wanted <= SECTIONS.keys()


def test_a_start_from_nothing_ends_with_a_push():
    begin = SECTIONS["Before you begin"]
    commands = ("git init", "git add", "git commit", "git remote add origin", "git push")
    found = [begin.index(command) for command in commands]
    assert found == sorted(found)
    assert " card " in begin


def test_the_project_tree_is_as_it_is():
    folder = ROOT
    lines = re.findall(r"^    ( *)(\S.*?)  +\S", SECTIONS["Project structure"], re.MULTILINE)
    assert len(lines) > 15
    for indent, names in lines:
        for name in names.split(", "):
            assert list((folder if indent else ROOT).glob(name.rstrip("/"))), name
        folder = folder if indent else ROOT / names


def test_the_tables_of_parameters_and_the_example_s_answer_are_whole():
    usage = SECTIONS["API usage"]
    assert set(re.findall(r"^\| `(\w+)` \|", usage, re.MULTILINE)) == set(GenerationOptions.public_fields())
    assert {"success", "image_url", "prompt", "seed", "shape", "guidance_scale", "negative_prompt"} <= set(
        re.findall(r'"(\w+)":', usage)
    )


def test_the_test_step_begins_with_the_front_page():
    assert SECTIONS["Test it"].index("curl -s $API/\n") < SECTIONS["Test it"].index("curl -s $API/health\n")


def test_the_form_by_hand_says_what_the_blueprint_does():
    services = {it["name"]: it for it in yaml.safe_load((ROOT / "render.yaml").read_text())["services"]}
    by_hand = SECTIONS["Render, by hand"]
    for field in ("buildCommand", "startCommand"):
        assert f"`{services['image-api'][field]}`" in by_hand
    for service in services.values():
        for variable in service["envVars"]:
            assert f"`{variable['key']}`" in by_hand
            assert "value" not in variable or f"= `{variable['value']}`" in by_hand


def test_the_lines_to_replace_in_a_refused_blueprint_are_in_it():
    lines = SECTIONS["Render, by blueprint"].split("lines of `render.yaml`\n\n")[1].split("\n\n")
    refused, cure = (yaml.safe_load(block) for block in (lines[0], lines[2]))
    api = yaml.safe_load((ROOT / "render.yaml").read_text())["services"][1]
    assert refused[0] in api["envVars"]
    assert cure == [{"key": "PERCHANCE_WORKER_URL", "sync": False}]


def test_there_is_a_button_in_both():
    button = "[![Deploy to Render](https://render.com/images/deploy-to-render-button.svg)](https://render.com/deploy)"
    assert button in GUIDE
    assert button in (ROOT / "README.md").read_text()


def units() -> dict[str, list[str]]:
    """Return the lines of each systemd unit."""
    return {name: [line.strip() for line in body.splitlines()] for name, body in UNIT.findall(GUIDE)}


def test_the_units_make_their_user_and_folder():
    assert units().keys() == {"render-worker", "image-api", "celery-worker"}
    for lines in units().values():
        assert {"DynamicUser=yes", "KillMode=mixed", "EnvironmentFile=/srv/pictures/.env"} <= set(lines)
        assert not [line for line in lines if line.startswith("User=")]
    worker = set(units()["render-worker"])
    assert {"StateDirectory=render-worker", "Environment=LOCAL_STORAGE_DIR=%S/render-worker/images"} <= worker


def test_the_units_are_systemd_s():
    for lines in units().values():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string("\n".join(lines))
        assert parser.sections() == ["Unit", "Service", "Install"]


@pytest.mark.parametrize("name", ["render-worker", "image-api"])
def test_a_unit_starts_what_is_there(name):
    started = next(line for line in units()[name] if line.startswith("ExecStart="))
    program, *arguments = started.removeprefix("ExecStart=").split()
    assert program == "/srv/pictures/.venv/bin/gunicorn"
    command = [sys.executable, "-m", "gunicorn", *arguments, "--check-config"]
    subprocess.run(command, cwd=ROOT, env=clean_environment(WORKER_TOKEN="secret"), check=True)


def test_the_unit_of_a_celery_worker_starts_what_compose_starts():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    started = next(line for line in units()["celery-worker"] if line.startswith("ExecStart="))
    command = " ".join(compose["services"]["celery-worker"]["command"])
    assert started == f"ExecStart=/srv/pictures/.venv/bin/{command}"


def test_the_lines_for_compose_s_queue_make_settings_that_both_tiers_take(tmp_path):
    shown = SECTIONS["Several machines: the queue"].split("### The queue with Compose\n")[1]
    lines = re.findall(r"^    (.*)$", shown.partition("docker compose up")[0], re.MULTILINE)
    subprocess.run(["sh", "-ec", "\n".join(line for line in lines if line)], cwd=tmp_path, check=True)
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert re.fullmatch("[0-9a-f]{48}", made["REDIS_PASSWORD"])
    assert made["REDIS_PASSWORD"] != made["POSTGRES_PASSWORD"]
    assert made["REDIS_URL"] == f"redis://:{made['REDIS_PASSWORD']}@redis:6379/0"
    assert made["DATABASE_URL"] == f"postgresql://jobs:{made['POSTGRES_PASSWORD']}@postgres:5432/jobs"
    example = (ROOT / ".env.example").read_text()
    assert [name for name in made if f"\n# {name}=" not in example] == []
    for module in ("image_api.settings", "render_worker.settings"):
        command = [sys.executable, "-c", f"from {module} import load; load()"]
        subprocess.run(command, cwd=ROOT, env=clean_environment(**made), check=True)


def test_replit_s_commands_and_port_fit():
    replit = tomllib.loads((ROOT / ".replit").read_text())
    assert replit["deployment"]["build"] == ["pip", "install", "--require-hashes", "-r", "requirements.txt"]
    shell, option, command = replit["deployment"]["run"]
    environment = clean_environment(PORT=1234)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    assert ' TRUSTED_PROXIES="${TRUSTED_PROXIES:-private}" ' in command
    shown = subprocess.run(
        [shell, option, f"{command} --print-config"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(rf"^bind += \['0\.0\.0\.0:{replit['ports'][0]['localPort']}'\]", shown, re.MULTILINE)
    assert replit["run"][2].endswith(command)


def test_replit_s_page_names_settings_that_exist():
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", (ROOT / "replit.md").read_text()))
    known = {name.upper() for name in ApiSettings.model_fields} | VARIABLES
    assert {"PERCHANCE_WORKER_URL", "WORKER_TOKEN", "PUBLIC_BASE_URL"} <= named <= known


WRAPPED = [
    *("API_REFERENCE.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "DEPLOYMENT_GUIDE.md", "README.md", "replit.md"),
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name != "TESTING_RESULTS.md"),
]


@pytest.mark.parametrize("name", WRAPPED)
def test_prose_is_wrapped(name):
    prose = re.sub(r"^ *```.*?^ *```", "", (ROOT / name).read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not line.startswith(("|", "    ", "   |", "[!"))]
    assert [line for line in lines if len(line) > WIDTH] == []
