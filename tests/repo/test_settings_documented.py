"""DEPLOYMENT_GUIDE.md's tables of settings are what the settings classes say."""

from pathlib import Path

import pytest

from image_api.settings import Settings as ApiSettings
from render_worker.settings import Settings as WorkerSettings

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "DEPLOYMENT_GUIDE.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
OF_COMPOSE = {"API_PORT"}


def rows(settings: type) -> list[str]:
    """The lines of the table, as they have to be."""
    return [
        f"| `{name.upper()}` | {shown(field.default)} | {field.description} |"
        for name, field in settings.model_fields.items()
    ]


def shown(default: object) -> str:
    if default is None or default in ((), ""):
        return "unset"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize(
    ("heading", "settings"), [("### API tier", ApiSettings), ("### Render worker", WorkerSettings)]
)
def test_the_guide_has_every_setting(heading, settings):
    section = GUIDE.split(heading + "\n")[1].split("\n#")[0]
    found = [line for line in section.splitlines() if line.startswith("| `")]
    assert found == rows(settings), "the table has to read:\n" + "\n".join(rows(settings))


def test_the_example_names_nothing_else():
    known = {name.upper() for kind in (ApiSettings, WorkerSettings) for name in kind.model_fields} | OF_COMPOSE
    named = {
        line.lstrip("# ").split("=")[0] for line in EXAMPLE.splitlines() if "=" in line and " " not in line.strip("# ")
    }
    assert "WORKER_TOKEN" in named
    assert named <= known
