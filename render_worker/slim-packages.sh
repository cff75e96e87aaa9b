#!/bin/sh
# Remove from a virtual environment what no image runs: debugging symbols, the packages' own tests, and of Playwright's
# driver its user interfaces (trace viewer, recorder, dashboard), its command-line tools and its types, and the blocking
# form of its API. Licences stay.
set -eu
packages=$(echo "$1"/lib/python*/site-packages)
driver=$packages/playwright/driver

find "$packages" -type d \( -name tests -o -name testing \) -prune -exec rm -rf {} +
# But for the libraries that a wheel brings in *.libs: auditwheel has edited their headers, which strip may break.
find "$packages" -name '*.so' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
if [ -d "$driver" ]; then
    strip --strip-unneeded "$driver/node"
    rm -rf "$driver/package/lib/vite" "$driver/package/lib/tools" "$driver/package/types" "$packages/playwright/sync_api"
fi
(cd "$packages" && echo *.dist-info) >"$1/packages.txt" # for the bill of materials
