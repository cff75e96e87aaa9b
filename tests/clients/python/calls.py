"""Serve a client's calls: a line of JSON comes in for each, and a line goes out with its result or its error."""

import json
import os
import sys
from collections.abc import Callable

BASE_URL, API_KEY = sys.argv[1:]


def serve(calls: dict[str, Callable[..., object]]) -> None:
    """Answer each line until there is no more; what the client itself prints goes to standard error."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        for line in sys.stdin:
            call = json.loads(line)
            output.write(json.dumps(_outcome(calls[call["name"]], call["options"])) + "\n")
            output.flush()


def _outcome(call: Callable[..., object], options: dict) -> dict:
    try:
        return {"result": call(**options)}
    except Exception as error:  # noqa: BLE001 - whatever the client raises is what is tested
        fields = {name: getattr(error, name, None) for name in ("code", "param")}
        status = getattr(error, "status_code", None)
        return {"error": {"type": type(error).__name__, "message": str(error), "status": status, **fields}}
