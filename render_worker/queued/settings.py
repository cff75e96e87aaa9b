"""Settings of a Celery worker, beside those of every render worker."""

import re

from pydantic import Field, SecretStr, field_validator

from render_worker.setting_types import SettingsPart

BROKER = re.compile(r"(redis|rediss|unix|amqp|amqps)://\S+")


class QueueSettings(SettingsPart):
    """Which queue's messages it takes, and whether its folder of pictures is served."""

    title = "A Celery worker"

    celery_broker_url: SecretStr | None = Field(
        None,
        description="Broker of the queue, if it is another than REDIS_URL: a Redis, or by amqp:// a RabbitMQ, which is "
        "untested.",
    )
    local_storage_shared: bool = Field(
        False,
        description="Whether LOCAL_STORAGE_DIR is a volume that a render worker serves; else a Celery worker keeps "
        "nothing there.",
    )

    @field_validator("celery_broker_url")
    @classmethod
    def _of_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not BROKER.fullmatch(value.get_secret_value()):
            raise ValueError("it must be an address like redis://:password@host:6379/0 or amqp://user:password@host")
        return value
