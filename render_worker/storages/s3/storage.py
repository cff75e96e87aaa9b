"""Amazon S3 and services that speak its protocol: Cloudflare R2, Backblaze B2, Supabase, MinIO.

A key is always needed. The roles that AWS lends to its machines are not used: a link that is signed with one ends with
it, after hours instead of days, and asking for one takes long if there is none.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from render_worker.storages.bucket import BucketStorage
from render_worker.storages.errors import StorageNotConfigured
from render_worker.storages.s3.settings import S3Settings

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store


class S3Storage(BucketStorage):
    """A bucket at S3 or a service like it."""

    name = "s3"
    title = "S3"
    description = "Amazon S3 and services that speak its protocol: Backblaze B2, Cloudflare R2, Supabase, MinIO."
    cost = "the service's prices for space and traffic; MinIO is your own"
    needs = "`S3_BUCKET`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and `S3_ENDPOINT` unless it is at AWS"
    addresses = "under `S3_PUBLIC_URL`, or links that are signed for `SIGNED_LINK_SECONDS`"

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings, settings.s3_public_url)
        self._bucket = settings.s3_bucket
        self._region = settings.s3_region
        self._endpoint = settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com"
        self._path_style = settings.s3_path_style
        self._key_id, self._secret = settings.aws_access_key_id, settings.aws_secret_access_key

    def check(self) -> None:
        if not self._bucket:
            raise StorageNotConfigured("S3_BUCKET not configured.")
        if not (self._key_id and self._secret):
            raise StorageNotConfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not configured.")
        super().check()

    def open_client(self) -> "S3Store":
        from obstore.store import S3Store

        return S3Store(
            self._bucket,
            # Virtual-hosted-style requests need the bucket in the endpoint's host.
            endpoint=self._endpoint if self._path_style else self._virtual_host(),
            region=self._region,
            virtual_hosted_style_request=not self._path_style,
            disable_bulk_delete=True,  # not every service offers it
            credential_provider=self._credential,
            client_options=self.client_options(),
            retry_config=self.retry_config(),
        )

    def _virtual_host(self) -> str:
        parts = urlsplit(self._endpoint)
        return parts._replace(netloc=f"{self._bucket}.{parts.netloc}").geturl()

    def _credential(self) -> "S3Credential":
        assert self._key_id  # noqa: S101 - `check` raises otherwise
        assert self._secret  # noqa: S101
        return {
            "access_key_id": self._key_id.get_secret_value(),
            "secret_access_key": self._secret.get_secret_value(),
            "token": None,
            "expires_at": None,
        }
