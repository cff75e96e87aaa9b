"""What the settings of every engine have in common."""

from typing import ClassVar

from pydantic import Field

from render_worker.setting_types import SettingsPart


class EngineSettings(SettingsPart):
    """Base of each engine's settings, which an engine's folder declares in its own `settings.py`."""

    title = "Every engine that is asked over HTTP"

    concurrency_setting: ClassVar[str] = "engine_concurrency"
    """The field that says how many pictures the engine makes at a time."""

    engine_concurrency: int = Field(
        4, ge=1, le=64, description="Pictures at a time of each engine that is asked over HTTP, up to MAX_CONCURRENCY."
    )
