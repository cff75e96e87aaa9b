#!/bin/sh
# A browser for the render worker: Playwright's own where it can be downloaded, else the system's, else Debian's
# chromium-headless-shell. Expects the virtual environment's programs in PATH.
set -u

starts() { python -m render_worker.browser 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

echo "Looking for a browser ..."
timeout 600 playwright install --only-shell chromium >/dev/null 2>&1 && starts && echo "Playwright's own." && exit 0
starts && echo "The system's." && exit 0
if command -v apt-get >/dev/null; then
  echo "Installing Debian's chromium-headless-shell ..."
  as_root apt-get update -qq >/dev/null 2>&1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium-headless-shell >/dev/null 2>&1
  starts && exit 0
fi
echo "No browser starts here:" >&2
python -m render_worker.browser >&2
echo "Install one with 'playwright install --with-deps --only-shell chromium', or set CHROMIUM_PATH." >&2
exit 1
