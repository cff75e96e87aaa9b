"""Google Cloud Storage.

A service account's key file is always needed: links are signed with its private key, without a request, which the
credentials that Google lends to its machines cannot do. The key also signs the token of each request, so that none is
fetched. Links are always signed for the host storage.googleapis.com: with another GCS_URL only GCS_PUBLIC_URL is of
use.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from render_worker.storages.bucket import BucketStorage
from render_worker.storages.errors import StorageNotConfigured
from render_worker.storages.gcs.settings import GcsSettings

if TYPE_CHECKING:
    from obstore.store import GCSStore

DEFAULT_URL = "https://storage.googleapis.com"
KEY_FIELDS = ("client_email", "private_key", "private_key_id")


class GcsStorage(BucketStorage):
    """A bucket at Google Cloud Storage."""

    name = "gcs"
    title = "Google Cloud Storage"
    description = "A bucket at Google Cloud Storage."
    cost = "Google's prices for space and traffic"
    needs = "`GOOGLE_CLOUD_BUCKET`, `GOOGLE_APPLICATION_CREDENTIALS`"
    addresses = "under `GCS_PUBLIC_URL`, or links that are signed for `SIGNED_LINK_SECONDS`"

    def __init__(self, settings: GcsSettings) -> None:
        super().__init__(settings, settings.gcs_public_url)
        self._bucket = settings.google_cloud_bucket
        self._url = settings.gcs_url or DEFAULT_URL
        self._key_file = settings.google_application_credentials
        self._key_file_checked = False

    def check(self) -> None:
        if not self._bucket:
            raise StorageNotConfigured("GOOGLE_CLOUD_BUCKET not configured.")
        if not self._key_file:
            raise StorageNotConfigured("GOOGLE_APPLICATION_CREDENTIALS not configured.")
        super().check()
        if not self._key_file_checked:
            _check_key_file(self._key_file)
            self._key_file_checked = True

    def open_client(self) -> "GCSStore":
        from obstore.store import GCSStore

        return GCSStore(
            self._bucket,
            service_account=str(self._key_file),
            base_url=self._url,
            client_options=self.client_options(),
            retry_config=self.retry_config(),
        )


def _check_key_file(path: Path) -> None:
    """Raise StorageNotConfigured if the file has no service account's key."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise StorageNotConfigured("The file of GOOGLE_APPLICATION_CREDENTIALS cannot be read.") from None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in KEY_FIELDS):
        raise StorageNotConfigured("The file of GOOGLE_APPLICATION_CREDENTIALS has no service account's key.")
