"""`python -m tests.worker.imaging.odd_files`: write docs/odd_files.md of what becomes of the odd files today."""

from render_worker.imaging import to_picture
from render_worker.sizes import SizePlan

from .comparison import outcomes
from .table import PAGE, page


def converted(file: bytes, kind: str) -> bytes:
    """Return the stored file, in whatever size it comes."""
    return to_picture(file, SizePlan(made=(96, 64)), {}, kind).data


if __name__ == "__main__":
    PAGE.write_text(page(outcomes(converted)))
