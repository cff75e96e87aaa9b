"""The check that gunicorn serves an application by the application's own configuration.

With gunicorn's defaults, one synchronous worker that is killed after 30 seconds, it would serve one client at a time
and lose every slow picture. Other servers are not checked: they are chosen, and no file that they lack is overlooked.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

GUNICORN = "gunicorn.arbiter"  # imported by gunicorn's processes alone
WORKERS = "gunicorn.workers.base"  # and this once it has chosen a worker class: not for --check-config
APP_LOAD_ERROR = 4  # gunicorn's: its arbiter ends, instead of starting another process for ever


@dataclass(frozen=True)
class OwnConfiguration:
    """What gunicorn has to serve an application with."""

    file: Path
    worker_module: str
    """The module of the file's worker class, which gunicorn imports before it loads the application."""
    application: str = ""
    """The application's name, unless the file has it."""

    def require(self, *, other_servers: bool = True) -> None:
        """Exit with a sentence and the right command if gunicorn, which loads the application, has not read the file.

        If other servers may not serve the application, exit under those, too.
        """
        if GUNICORN not in sys.modules:
            if not other_servers:
                sys.exit(f"Only gunicorn can serve this application: {self._command}")
        elif WORKERS in sys.modules and self.worker_module not in sys.modules and self.file.is_file():
            sys.stderr.write(
                f"This gunicorn does not use {self.file}, without which each slow picture would be lost."
                f" Start it so: {self._command}\n"
            )
            sys.exit(APP_LOAD_ERROR)

    @property
    def _command(self) -> str:
        return f"gunicorn -c {self.file} {self.application}".rstrip()
