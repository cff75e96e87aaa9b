#!/bin/sh
# Run Compose with these arguments, by whichever works here. What starts or builds makes a .env with a secret of its own
# if there is none, and waits until all is healthy if this Compose can. PROFILE=gpu means the API tier with the render
# worker on a GPU, and no browser; another PROFILE is Compose's.
set -e
if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then compose="docker compose"
elif podman-compose --version >/dev/null 2>&1; then compose="podman-compose"
elif docker-compose --version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then compose="docker-compose"
else
    echo "No Compose works here: neither docker compose nor docker-compose with a running Docker, nor podman-compose." >&2
    if [ "$PROFILE" = gpu ]; then echo "'ENGINES=diffusers make run' starts both tiers without containers: docs/gpu.md." >&2
    else echo "'make run' starts both tiers without containers." >&2; fi
    exit 1
fi
for name in $(echo "$PROFILE" | tr , ' '); do
    if [ -e compose.yaml ] && [ ! -e compose.override.yaml ] && ! grep -q "profiles:.*[[ ,]$name[], ]" compose.yaml; then
        echo "compose.yaml has no profile $name." >&2 # Compose would start what has none
        exit 1
    fi
done
if [ ! -e .env ] && [ "$1" != up ] && [ "$1" != build ]; then
    export ENV_FILE=.env.example WORKER_TOKEN=unused # compose.yaml asks for both, whatever Compose is to do
elif [ ! -e .env ]; then
    secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && sed "s/^WORKER_TOKEN=\$/WORKER_TOKEN=$secret/" .env.example >.env)
    echo "Made .env, with a WORKER_TOKEN." >&2
fi
if [ "$1" = up ] && $compose up --help 2>/dev/null | grep -q -e --wait; then set -- "$@" --wait; fi
if [ -n "$PROFILE" ]; then export COMPOSE_PROFILES="$PROFILE"; fi
if [ "$PROFILE" = gpu ]; then
    if ! grep -qs '^COMPOSE_WORKERS=.' .env; then export COMPOSE_WORKERS=http://render-worker-gpu:8001; fi
    case $1 in
    up) set -- "$@" --no-deps image-api render-worker-gpu ;; # the API needs the other worker for its name alone
    build) set -- "$@" image-api render-worker-gpu ;;
    esac
fi
exec $compose "$@"
