"""`python -m local.docs`: write the tables in docs/ and API_REFERENCE.md that derive from the code."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from image_api.settings import Settings as ApiSettings
from local import api_tables, error_table, sizes_table
from render_worker.browser.settings import BrowserSettings
from render_worker.contract import SizeBounds
from render_worker.engines import ENGINES
from render_worker.engines.base import Engine
from render_worker.engines.settings import ContentSettings, EngineSettings
from render_worker.serving.environment import EnvironmentSettings
from render_worker.setting_types import SettingsPart
from render_worker.settings import CoreSettings
from render_worker.settings import Settings as WorkerSettings
from render_worker.storages import STORAGES, SettingsOfStorages
from render_worker.storages.settings import BucketSettings, StorageSettings, UploadSettings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
TABLE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
HEAD = ("| variable | default | meaning |", "|---|---|---|")


def pages() -> list[Path]:
    """Return the pages that have such tables."""
    return [path for path in (ROOT / "API_REFERENCE.md", *sorted(DOCS.glob("*.md"))) if TABLE.search(path.read_text())]


def written(page: str) -> str:
    """Return a page's text with its tables as the code has them now."""
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", page)


def api_settings() -> str:
    """Return the table of the API tier's settings."""
    return "\n".join((*HEAD, *rows(ApiSettings.model_fields)))


def worker_settings() -> str:
    """Return the tables of the render worker's settings, one for each class that declares some."""
    return "\n\n".join(
        "\n".join((f"### {heading(part)}", "", *HEAD, *rows(fields)))
        for part in parts()
        if (fields := declared_by(part))
    )


def engines() -> str:
    """Return the table of engines."""
    head = "| engine | what it is | needs | honours, beside `prompt` and `shape` | sizes | a picture takes | packages |"
    return "\n".join((head, "|---|---|---|---|---|---|---|", *map(engine_row, ENGINES)))


def storages() -> str:
    """Return the table of storages."""
    head = "| storage | what it is | cost | needs | addresses | formats | packages |"
    return "\n".join((head, "|---|---|---|---|---|---|---|", *map(storage_row, STORAGES)))


TABLES = {
    "api-settings": api_settings,
    "worker-settings": worker_settings,
    "engines": engines,
    "storages": storages,
    "sizes": sizes_table.tables,
    **api_tables.TABLES,
    "error-codes": error_table.table,
}


def rows(fields: dict[str, FieldInfo]) -> list[str]:
    """Return a row for each setting."""
    return [f"| `{name.upper()}` | {shown(field.default)} | {field.description} |" for name, field in fields.items()]


def shown(default: object) -> str:
    """Return a setting's default as an environment variable would have it."""
    if default is None or default in ((), "", {}):
        return "unset"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def parts() -> Iterator[type[SettingsPart]]:
    """Yield the classes that the worker's settings consist of, each once: plug-ins' in their registry's order."""
    ordered: list[type[SettingsPart]] = [CoreSettings, ContentSettings, EngineSettings, BrowserSettings]
    ordered += [row.settings for row in ENGINES.values()]
    ordered += [SettingsOfStorages, StorageSettings, UploadSettings, BucketSettings]
    ordered += [row.settings for row in STORAGES.values()]
    ordered += [part for part in WorkerSettings.__mro__ if issubclass(part, SettingsPart)]
    yield from dict.fromkeys(ordered)


def heading(part: type[SettingsPart]) -> str:
    """Return a part's heading; if some storages share the part, it names them."""
    if part not in (UploadSettings, BucketSettings):
        return part.title
    return f"{part.title}: {', '.join(f'`{name}`' for name, row in STORAGES.items() if issubclass(row.settings, part))}"


def declared_by(part: type[EnvironmentSettings]) -> dict[str, FieldInfo]:
    """Return the settings that a class itself declares."""
    own = inspect.get_annotations(part)
    return {name: field for name, field in part.model_fields.items() if name in own}


def engine_row(name: str) -> str:
    """Return an engine's row."""
    engine = ENGINES[name].load()
    settings = ENGINES[name].settings
    title = f"[`{name}`](settings.md#{anchor(settings.title)})" if settings is not EngineSettings else f"`{name}`"
    extra = f"requirements-{name}.txt"
    packages = f"`{extra}`" if (ROOT / "render_worker" / extra).is_file() else "none"
    columns = (engine.description, engine.needs, honours(engine), sizes(engine), seconds(engine), packages)
    return f"| {title} | {' | '.join(columns)} |"


def storage_row(name: str) -> str:
    """Return a storage's row."""
    storage = STORAGES[name].load()
    title = f"[`{name}`](settings.md#{anchor(STORAGES[name].settings.title)})"
    formats = ", ".join(f"`{name}`" for name in storage.formats)
    packages = f"`requirements-{storage.requirements}.txt`" if storage.requirements else "none"
    columns = (storage.description, storage.cost, storage.needs, storage.addresses, formats, packages)
    return f"| {title} | {' | '.join(columns)} |"


def honours(engine: type[Engine]) -> str:
    """Return what an engine honours of a request."""
    names = ", ".join(f"`{name}`" for name in sorted(engine.capabilities.parameters)) or "nothing"
    return by_model(engine, names)


def sizes(engine: type[Engine]) -> str:
    """Return what an engine makes of the shapes, and which other sizes there are."""
    known = engine.capabilities.sizes.for_clients()
    if known is None:
        return "its models' own"
    shapes = ", ".join(f"{width}×{height}" for width, height in known.shapes.values())
    others = len(set(known.native) - set(known.shapes.values()))
    more = f", {others} others" if others else ""
    if known.bounds:
        more = f", any of {in_words(known.bounds)}"
    return by_model(engine, shapes + more)


def in_words(bounds: SizeBounds) -> str:
    """Return the bounds of sizes."""
    pixels = f", {bounds.max_pixels:,} in all" if bounds.max_pixels else ""
    return f"{bounds.min_side} to {bounds.max_side} pixels a side{pixels}"


def by_model(engine: type[Engine], text: str) -> str:
    """Return the text, with a note if it depends on the engine's model."""
    return f"depending on the model: {text}" if engine.capabilities_of is not Engine.capabilities_of else text


def seconds(engine: type[Engine]) -> str:
    """Return an engine's typical time."""
    return f"{engine.typical_seconds:g} s"


def anchor(heading: str) -> str:
    """Return the name by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main() -> None:
    """Write every page."""
    for path in pages():
        path.write_text(written(path.read_text()))


if __name__ == "__main__":
    main()
