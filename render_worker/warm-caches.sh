#!/bin/sh
# Compile, while an image is built by root, what the user `worker` may not write there and a small host would compile at
# every start: bytecode of what is imported, and the code of Playwright's driver. Last, try the browser: that fails if it
# or a library is missing, and warns if it does not start, which only the builder may forbid.
set -eu
REDIS_URL=redis://127.0.0.1 python -m render_worker.serving.bytecode render_worker gunicorn.app.wsgiapp celery.bin.celery

as_worker() {
    HOME=/home/worker setpriv --reuid=worker --regid=worker --clear-groups "$@"
}
cache=$(python -c 'from render_worker.browser.browser import COMPILE_CACHE; print(COMPILE_CACHE)')
driver=$(dirname "$cache")
install --directory --owner=worker "$cache"
# As that user, because node reads no code that another one's process has compiled. The driver ends with its input.
NODE_COMPILE_CACHE=$cache as_worker "$driver/node" "$driver/package/cli.js" run-driver </dev/null
chown -R root:root "$cache"
chmod -R a+rX,go-w "$cache"
test -n "$(find "$cache" -type f)"

as_worker python -m render_worker.browser
