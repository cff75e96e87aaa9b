"""Google Cloud Storage on loopback: gcp-storage-emulator's storage behind the verbs of Google's XML API.

The emulator's own XML API has only PUT and GET, and checks no credentials. The rest follows Google's documents:
https://cloud.google.com/storage/docs/xml-api/reference-methods (HEAD, DELETE, Cache-Control, ETag, errors),
https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth (tokens that the key itself signs),
https://cloud.google.com/storage/docs/authentication/signatures (links).
"""

import base64
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.storage import Storage

EMAIL = "painter@project.iam.gserviceaccount.com"
SIGNED_HOST = "storage.googleapis.com"  # obstore signs links for this host alone, so the server's links count as its
SCOPE = "https://www.googleapis.com/auth/cloud-platform"  # one of those that let a token into a bucket
KEY_ID = "0123456789abcdef"
ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"


def key_file(path: Path, key: rsa.RSAPrivateKey, **changes: object) -> Path:
    """Write a service account's key file as Google's console gives it out; return its path."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    known = {"type": "service_account", "client_email": EMAIL, "private_key_id": KEY_ID, "private_key": pem}
    path.write_text(json.dumps({**known, **changes}))
    return path


def new_key() -> rsa.RSAPrivateKey:
    """Return a new key."""
    return rsa.generate_private_key(65537, 2048)


class GcsServer:
    """A server with one bucket and one service account, whose tokens and links it checks."""

    bucket = "pictures"

    def __init__(self, folder: Path) -> None:
        key = new_key()
        self.key_file = key_file(folder / "key.json", key)
        self.public_key = key.public_key()
        self.storage = Storage(use_memory_fs=True)
        self.storage.create_bucket(self.bucket, {})
        self.uploads: list[str] = []

    def __enter__(self) -> Self:
        self._server = HTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **changes: object) -> dict[str, object]:
        """Return a worker's settings for the bucket."""
        return {
            "google_cloud_bucket": self.bucket,
            "google_application_credentials": self.key_file,
            "gcs_url": self.url,
            "bucket_seconds": 5,
            **changes,
        }

    def is_signed(self, signature: bytes, text: str) -> bool:
        """Return whether the service account's key signed the text."""
        try:
            self.public_key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: GcsServer, *arguments: object) -> None:
        self._google = server
        super().__init__(*arguments)

    def do_PUT(self) -> None:
        bucket, name = self._named()
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_authorized():
            return
        metadata = {"contentType": self.headers["Content-Type"], "cacheControl": self.headers.get("Cache-Control")}
        try:
            self._google.storage.create_file(bucket, name, data, {"bucket": bucket, "name": name, **metadata})
        except NotFound:
            self._respond(404, ERROR.format("NoSuchBucket", "The specified bucket does not exist.").encode())
            return
        self._google.uploads.append(name)
        self._respond(200, ETag=_etag(data))

    def do_GET(self) -> None:
        bucket, name = self._named()
        if not self._is_authorized():
            return
        try:
            data = self._google.storage.get_file(bucket, name, show_error=False)
            known = self._google.storage.get_file_obj(bucket, name)
        except NotFound:
            self._respond(404, ERROR.format("NoSuchKey", "The specified key does not exist.").encode())
            return
        headers = {"Content-Type": known["contentType"], "Cache-Control": known["cacheControl"] or "private"}
        modified = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        self._respond(200, data, ETag=_etag(data), **{"Last-Modified": modified}, **headers)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        bucket, name = self._named()
        if not self._is_authorized():
            return
        try:
            self._google.storage.delete_file(bucket, name)
        except NotFound:
            self._respond(404, ERROR.format("NoSuchKey", "The specified key does not exist.").encode())
            return
        self._respond(204)

    def _named(self) -> tuple[str, str]:
        _, bucket, name = urlsplit(self.path).path.split("/", 2)
        return bucket, unquote(name)

    def _is_authorized(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token:
            status, code = (200, "") if self._is_token(token) else (401, "AuthenticationRequired")
        else:
            status, code = (200, "") if self._is_link() else (403, "SignatureDoesNotMatch")
        if status != 200:
            self._respond(status, ERROR.format(code, "Invalid credentials.").encode())
        return status == 200

    def _is_token(self, token: str) -> bool:
        signed, _, signature = token.rpartition(".")
        if not self._google.is_signed(_decoded(signature), signed):
            return False
        claims = json.loads(_decoded(signed.partition(".")[2]))
        alive = claims["exp"] > datetime.now(UTC).timestamp()
        return alive and claims["iss"] == claims["sub"] == EMAIL and claims["scope"] == SCOPE

    def _is_link(self) -> bool:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        signature = query.pop("X-Goog-Signature", "")
        if not signature:
            return False
        begun = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        canonical_query = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        canonical = f"{self.command}\n{parts.path}\n{canonical_query}\nhost:{SIGNED_HOST}\n\nhost\nUNSIGNED-PAYLOAD"
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
        alive = datetime.now(UTC) < begun + timedelta(seconds=int(query["X-Goog-Expires"]))
        return alive and self._google.is_signed(bytes.fromhex(signature), text)

    def _respond(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
