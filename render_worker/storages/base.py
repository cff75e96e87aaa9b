"""What a storage is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from render_worker.imaging import Picture
from render_worker.settings import Settings


class Storage(ABC):
    """Keeps pictures. Override `save`; raise StorageFailed where the picture could not be kept."""

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Read what the storage needs; touch nothing yet."""

    @abstractmethod
    def save(self, picture: Picture) -> str:
        """Keep a picture and return its address: absolute, or a path of this worker. May block; runs in a thread."""
