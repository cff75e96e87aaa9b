"""Settings of the storage `imgur`."""

from pydantic import Field

from render_worker.setting_types import Secret, Url
from render_worker.storages.settings import StorageSettings


class ImgurSettings(StorageSettings):
    """Settings of anonymous uploads to Imgur."""

    title = "Storage `imgur`"

    imgur_client_id: Secret | None = Field(None, description="Client-ID of an application registered with Imgur.")
    imgur_api_url: Url = Field("https://api.imgur.com/3", description="Imgur's API.")
    imgur_upload_seconds: float = Field(60, gt=0, description="Timeout of an upload to Imgur.")
