#!/bin/sh
# Remove from a virtual environment what no image runs: debugging symbols, sources in C, the packages' own tests, and of
# Playwright's driver its user interfaces (trace viewer, recorder, dashboard), its command-line tools and its types, and
# the blocking form of its API. Licences stay.
#
#   slim-packages.sh ENVIRONMENT [LIST]   also removes what the file LIST names, by patterns of paths below site-packages
set -eu
packages=$(echo "$1"/lib/python*/site-packages)
driver=$packages/playwright/driver

if [ $# -gt 1 ]; then
    grep -v '^#' "$2" | (cd "$packages" && while read -r patterns; do rm -rf $patterns; done)
fi
find "$packages" -type d \( -name tests -o -name testing \) -prune -exec rm -rf {} +
# What compilers and type checkers read.
find "$packages" -type f \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.py[ix]' -o -name '*.pxd' \) -delete
# But for the libraries that a wheel brings in *.libs: auditwheel has edited their headers, which strip may break.
find "$packages" -name '*.so' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
if [ -d "$driver" ]; then
    strip --strip-unneeded "$driver/node"
    rm -rf "$driver/package/lib/vite" "$driver/package/lib/tools" "$driver/package/types" "$packages/playwright/sync_api"
fi
(cd "$packages" && echo *.dist-info) >"$1/packages.txt" # for the bill of materials
