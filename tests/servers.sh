#!/bin/sh
# Install the servers that the tests need, each if it is missing, from Debian's packages.
set -e
missing=
command -v redis-server >/dev/null || missing="$missing redis-server"
# Debian keeps a version's programs in a folder of its own, outside of PATH.
{ command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 || missing="$missing postgresql"
[ "$missing" ] || exit 0
echo "Installing$missing for the tests ..."
sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if ! command -v apt-get >/dev/null; then
    echo "The tests need$missing; please install it." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
# Debian starts them as services; the tests start their own.
for service in $missing; do
    $sudo systemctl disable --now "$service" >/dev/null 2>&1 || true
done
