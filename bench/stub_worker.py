"""`python -m bench.stub_worker --seconds 10`: a render worker that takes all comers and answers after a time.

For a peer it also answers in OpenAI's words. It makes no picture. It prints its port and serves until it is ended.
"""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime

MODELS: dict[str, list[object]] = {"models": []}
OPENAI_S = {"created": 1, "data": [{"url": "https://pictures.example/a.png"}]}
HEADERS = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Service: render-worker\r\nContent-Length: {}\r\n\r\n"


def _result(wanted: dict[str, object]) -> dict[str, object]:
    return {
        "image_url": f"/images/{'0' * 64}.png",
        "prompt": wanted["prompt"],
        "seed": max(0, int(str(wanted.get("seed", 0)))),
        "shape": "square",
        "guidance_scale": 7.0,
        "width": 768,
        "height": 768,
        "content_type": "image/png",
        "bytes": 1,
        "sha256": "0" * 64,
        "engine": "perchance",
        "model": "auto",
        "storage": "local",
        "duration_ms": 1,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "request_id": wanted["request_id"],
    }


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            body = await reader.readexactly(length)
            if head.startswith(b"POST"):
                await asyncio.sleep(seconds)
                openai = head.startswith(b"POST /v1/")
                answer = json.dumps(OPENAI_S if openai else _result(json.loads(body))).encode()
            else:
                answer = json.dumps(MODELS).encode()
            writer.write(HEADERS.format(len(answer)).encode() + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve on a free port."""
    parser = argparse.ArgumentParser(prog="python -m bench.stub_worker", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="until each answer (10)")
    given = parser.parse_args()
    server = await asyncio.start_server(
        lambda reader, writer: _serve(reader, writer, given.seconds), "127.0.0.1", 0, backlog=4096
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
