"""What the first picture needs and a start does not: it is loaded while the engine's service paints."""

import asyncio
import importlib
import sys

IMAGING = "render_worker.imaging"  # with Pillow, a quarter of a second at a tenth of a core


def load_imaging_meanwhile() -> None:
    """Load it in a thread, if it is not loaded yet; an import meanwhile waits for the rest.

    Whatever keeps it from being loaded is raised where it is needed.
    """
    if IMAGING not in sys.modules:
        loading = asyncio.get_running_loop().run_in_executor(None, importlib.import_module, IMAGING)
        loading.add_done_callback(lambda done: done.cancelled() or done.exception())
