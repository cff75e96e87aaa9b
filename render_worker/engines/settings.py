"""What the settings of every engine have in common."""

from typing import ClassVar, Literal

from pydantic import Field

from render_worker.setting_types import SettingsPart


class ContentSettings(SettingsPart):
    """What becomes of pictures that an engine takes for ones that are not safe for work."""

    title = "What pictures show"

    nsfw: Literal["allow", "flag", "refuse"] = Field(
        "allow",
        description="Pictures that are not safe for work, by the engine's own classification: allow returns them as "
        "they come, flag has engines classify that do so only if asked, refuse answers 422 in place of a flagged one. "
        "An engine without a classification is not affected.",
    )


class EngineSettings(ContentSettings):
    """Base of each engine's settings, which an engine's folder declares in its own `settings.py`."""

    title = "Every engine that is asked over HTTP"

    concurrency_setting: ClassVar[str] = "engine_concurrency"
    """The field that says how many pictures the engine makes at a time."""

    engine_concurrency: int = Field(
        4, ge=1, le=64, description="Pictures at a time of each engine that is asked over HTTP, up to MAX_CONCURRENCY."
    )
