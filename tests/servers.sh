#!/bin/sh
# Install the servers that the tests need, if they are missing, from Debian's packages.
set -e
command -v redis-server >/dev/null && exit 0
echo "Installing redis-server for the tests ..."
sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if ! command -v apt-get >/dev/null; then
    echo "The tests need redis-server; please install it." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends redis-server >/dev/null
# Debian starts it as a service; the tests start their own.
$sudo systemctl disable --now redis-server >/dev/null 2>&1 || true
