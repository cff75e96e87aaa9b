"""The errors of a WebSocket's handshake.

ApiError
├── UpgradeRequired      426 websocket_only
│   └── UnsupportedWebSocketVersion
└── BadHandshake         400 bad_handshake
"""

from collections.abc import Mapping
from typing import ClassVar

from image_api.errors import ApiError


class UpgradeRequired(ApiError):
    """Raised if a plain request is made to the URL of a WebSocket."""

    code = "websocket_only"
    status = 426
    headers: ClassVar[Mapping[str, str]] = {"Upgrade": "websocket"}


class UnsupportedWebSocketVersion(UpgradeRequired):
    """Raised if a WebSocket handshake names another version of the protocol, or none."""

    headers: ClassVar[Mapping[str, str]] = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


class BadHandshake(ApiError):
    """Raised if a WebSocket handshake is malformed."""

    code = "bad_handshake"
    status = 400
