"""Settings of the browser."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from render_worker.setting_types import SettingsPart


class BrowserSettings(SettingsPart):
    """Settings of an engine that works through a browser."""

    title = "The browser"

    memory_limit_mb: int | None = Field(
        None,
        ge=64,
        description="Memory of this service in MiB, near which the browser is replaced; unset means the limit of its "
        "control group, if it has one.",
    )
    browser_idle_seconds: int = Field(
        0, ge=0, description="Time without work after which the browser is closed until it is needed; 0 means never."
    )
    chromium_path: Path | None = Field(None, description="A Chromium to use instead of the one that is found.")
    browser_sandbox: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Chromium's own sandbox: auto does without it if the host does not allow it, on starts no browser "
        "then, off never uses it.",
    )
