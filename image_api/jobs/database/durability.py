"""Whether the jobs outlive this service's instance."""

from image_api.database_url import DEFAULT_FILE, engine_url, sqlite_file
from image_api.settings import Settings

LOST = (
    "The jobs are kept on this instance's own disk, and are lost with it: at each deploy, restart, and sleep of a free"
    " instance. Set DATABASE_URL to a PostgreSQL to keep them."
)


def loss_hint(settings: Settings) -> str | None:
    """Return what to do if the jobs are lost with this instance; None if they are not, as far as it can be known."""
    if not (settings.render or settings.render_external_url):
        return None
    file = sqlite_file(engine_url(settings.database_url))
    # A disk that outlives a Render instance is mounted at a folder of its own (https://render.com/docs/disks).
    is_lost = file == DEFAULT_FILE and not DEFAULT_FILE.parent.resolve().is_mount()
    return LOST if is_lost else None
