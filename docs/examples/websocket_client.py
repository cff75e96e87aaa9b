"""Make a picture over a WebSocket, and print how far it is.

pip install websockets
python websocket_client.py "a red boat" http://localhost:8000
"""

import json
import sys
from collections.abc import Callable

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


def generate(address: str, options: dict, on_progress: Callable[[dict], object]) -> dict:
    """Return the picture's result. Raises RuntimeError with the service's sentence if there is none."""
    url = address.rstrip("/").replace("http", "ws", 1) + "/stream/generate/txt2img"
    with connect(url, max_size=None) as socket:  # a result may have the whole file in base64
        socket.send(json.dumps(options))  # the fields of POST /generate
        for text in socket:
            message = json.loads(text)
            if message["event"] == "progress":
                on_progress(message)
            elif message["event"] == "result":
                return message["result"]  # or send the next one
            else:
                raise RuntimeError(message["error"]["error"])
    raise RuntimeError("The connection was closed before the picture was there.")


def describe(progress: dict) -> str:
    """Return progress as a line of text."""
    parts = [progress["message"]]
    if "percent" in progress:
        parts.append(f"{progress['percent']} %")
    if "expected_seconds" in progress:
        parts.append(f"usually {progress['expected_seconds']} s")
    return " · ".join(parts)


def main(prompt: str = "a red boat", address: str = "http://localhost:8000") -> None:
    """Make a picture and print its address."""
    try:
        result = generate(address, {"prompt": prompt}, lambda progress: print(describe(progress), flush=True))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    except (OSError, WebSocketException) as error:
        sys.exit(f"Cannot reach {address}: {error}")
    print(result["image_url"])


if __name__ == "__main__":
    main(*sys.argv[1:])
