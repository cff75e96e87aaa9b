"""Receives the webhooks of jobs, and prints what each came to: python webhook_receiver.py 9000

WEBHOOK_SECRET has the service's own, whsec_…; without a library it takes HMAC and base64 to verify a webhook by it.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BYTES = 1024 * 1024
TOLERANCE_SECONDS = 300  # older ones may be copies
seen: set[str] = set()  # a webhook may come twice; a real receiver keeps its ids in its database


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Return whether the service with this secret has signed a webhook within the last minutes."""
    identity, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isdecimal() and len(sent) < 12) or abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, each.encode()) for each in signatures)


class Receiver(BaseHTTPRequestHandler):
    """Answers quickly: work that takes longer than a few seconds belongs after the answer."""

    timeout = 30

    def do_POST(self) -> None:
        """Take one webhook."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if 0 < length <= MAX_BYTES else b""
        genuine = is_genuine(self.headers, body, os.environ["WEBHOOK_SECRET"])
        self.send_response(204 if genuine else 400)
        self.end_headers()
        if genuine and self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            show(json.loads(body))

    def log_message(self, *_: object) -> None:
        """Log nothing: what counts is printed."""


def show(webhook: dict) -> None:
    """Print what a job came to."""
    job = webhook["data"]
    print(webhook["type"], job["job_id"], job.get("error", ""), flush=True)
    for image in job["images"]:
        print(image["image_url"], flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.environ.get("WEBHOOK_SECRET", "").startswith("whsec_"):
        sys.exit("WEBHOOK_SECRET=whsec_… python webhook_receiver.py PORT")
    ThreadingHTTPServer(("", int(sys.argv[1])), Receiver).serve_forever()
