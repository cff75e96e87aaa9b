"""Settings of the storage `s3`."""

from pydantic import Field

from render_worker.setting_types import Secret, Url
from render_worker.storages.settings import BucketSettings


class S3Settings(BucketSettings):
    """Settings of a bucket at S3 or a service that speaks its protocol."""

    title = "Storage `s3`"

    s3_bucket: str | None = Field(None, description="Bucket of pictures at S3 or a service that speaks its protocol.")
    s3_endpoint: Url | None = Field(None, description="That service's address; unset means Amazon's own.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_path_style: bool = Field(True, description="Whether the bucket's name is in the path and not in the host.")
    s3_public_url: Url | None = Field(
        None, description="Address under which the bucket is public; unset means signed links."
    )
    aws_access_key_id: Secret | None = Field(None, description="Key id for the bucket.")
    aws_secret_access_key: Secret | None = Field(None, description="Its secret.")
