"""What gunicorn refuses as no HTTP, in sentences that say what to change. None repeats what the client sent."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gunicorn.http.errors import (
    ChunkMissingTerminator,
    ConfigurationProblem,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidChunkExtension,
    InvalidChunkSize,
    InvalidHeader,
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidProxyHeader,
    InvalidProxyLine,
    InvalidRequestLine,
    InvalidRequestMethod,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ObsoleteFolding,
    ParseException,
    UnsupportedTransferCoding,
)

from render_worker.serving.request_bodies import IncompleteBody

if TYPE_CHECKING:
    from render_worker.contract import ErrorBody

INVALID_HTTP = "invalid_http"
TOO_LARGE = "too_large"


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that is no HTTP, or too large to be read."""

    sentence: str
    hint: str | None = None
    status: int = 400
    code: str = INVALID_HTTP

    def body(self) -> "ErrorBody":
        """Return it as an error's body."""
        from render_worker.contract import ErrorBody  # not before gunicorn listens: it takes longer than all else here

        return ErrorBody(error=self.sentence, code=self.code, hint=self.hint)


INTERNAL_ERROR = Refusal("The service failed by its own fault.", status=500, code="internal_error")
UNENCODED = Refusal(
    "The address of the request has a space or another character that must be percent-encoded.",
    "curl -G --data-urlencode 'prompt=…' encodes it; or send the text by POST, as JSON.",
)
NO_REQUEST_LINE = Refusal("The request is not valid HTTP: its first line must be like GET /path HTTP/1.1.")
LINE_ENDS = Refusal("The request is not valid HTTP: each line of its head must end with CR LF.")
TLS = Refusal("A TLS handshake was sent to a port of plain HTTP.", "Use http:// here, or a proxy that has https.")
PROXY_PROTOCOL = Refusal(
    "The connection begins with a PROXY protocol header, which is not expected here.", "Switch it off in the proxy."
)
VERSION = Refusal("Only HTTP/1.1 and HTTP/1.0 are known here.", "A proxy may have HTTP/2, and HTTP/1.1 to this port.")
CHUNKS = Refusal("The body is no HTTP: its chunks are malformed.")
HEADER = Refusal(
    "The request is not valid HTTP: a header is malformed.",
    "Each is 'Name: value' on one line, without control characters.",
)
# Of InvalidHeader, by the header that it names if the request as a whole makes it invalid.
HEADERS = {
    "HOST": Refusal("The request has more than one Host header.", "Send one."),
    "CONTENT-TYPE": Refusal("The request has more than one Content-Type header.", "Send one."),
    "CONTENT-LENGTH": Refusal("The Content-Length header is no number, repeated, or beside Transfer-Encoding."),
    "TRANSFER-ENCODING": Refusal("The Transfer-Encoding header must end with chunked, once, and needs HTTP/1.1."),
}
REFUSALS: dict[type[Exception], Refusal] = {
    LimitRequestLine: Refusal(
        "The address of the request is too long.", "Send long texts by POST, as JSON.", 414, TOO_LARGE
    ),
    LimitRequestHeaders: Refusal(
        "The headers of the request are too large: there may be 100, of 8 KB each.",
        "Send fewer and shorter ones; no cookie is needed here.",
        431,
        TOO_LARGE,
    ),
    ExpectationFailed: Refusal(
        "The request's Expect header asks for what is not known here.", "Leave it out, or send 100-continue.", 417
    ),
    UnsupportedTransferCoding: Refusal(
        "The request's Transfer-Encoding is not known here.", "Send chunked, or a Content-Length.", 501
    ),
    InvalidRequestMethod: Refusal("The request's method must be one in upper case, like GET."),
    InvalidHeaderName: Refusal(
        "The request is not valid HTTP: a header's name has a space or another character that it must not have."
    ),
    ObsoleteFolding: Refusal("A header goes on in a second line, which HTTP no longer has.", "Send it on one line."),
    ForbiddenProxyRequest: Refusal("This peer may not send a PROXY protocol header.", status=403),
    InvalidProxyLine: Refusal("The PROXY protocol header of the connection is malformed."),
    InvalidProxyHeader: Refusal("The PROXY protocol header of the connection is malformed."),
    IncompleteBody: Refusal("The body is no HTTP: the body ended early."),
    InvalidChunkSize: CHUNKS,
    ChunkMissingTerminator: CHUNKS,
    InvalidChunkExtension: CHUNKS,
}
OWN_ERRORS = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)
BARE_LF = "bare LF as line terminator"  # gunicorn's own words
TLS_RECORD = "\x16\x03"  # a handshake's first bytes: RFC 8446, 5.1
PROXY_STARTS = ("PROXY ", "\r\n\x00\r\nQUIT\n")  # of both versions; gunicorn has skipped the first empty line
ONE_VERSION = re.compile(r"[A-Z]{2,}/\S*")
KNOWN_VERSIONS = ("HTTP/1.0", "HTTP/1.1")
ADDRESS_START = re.compile(r"(?:https?://[^/]*)?/", re.IGNORECASE)
NOT_FOR_ADDRESSES = re.compile(r"[^!-~]")


def refusal_of(error: Exception) -> Refusal:
    """Return the answer to a request that made gunicorn raise an error; INTERNAL_ERROR if this service is at fault."""
    if isinstance(error, OWN_ERRORS) or not isinstance(error, ParseException):
        return INTERNAL_ERROR
    if isinstance(error, InvalidRequestLine):
        return _of_request_line(str(error.req))
    if isinstance(error, InvalidHTTPVersion):  # which gunicorn takes a space in the address for
        return UNENCODED if isinstance(error.version, str) and not ONE_VERSION.fullmatch(error.version) else VERSION
    if isinstance(error, InvalidHeader):
        return LINE_ENDS if error.hdr == BARE_LF else HEADERS.get(error.hdr if error.req else "", HEADER)
    return next((it for kind, it in REFUSALS.items() if isinstance(error, kind)), NO_REQUEST_LINE)


def _of_request_line(line: str) -> Refusal:
    if line == BARE_LF:
        return LINE_ENDS
    if line.startswith(TLS_RECORD):
        return TLS
    if line.startswith(PROXY_STARTS):
        return PROXY_PROTOCOL
    if line.startswith("PRI * HTTP/2"):
        return VERSION
    return UNENCODED if _has_unencoded_address(line) else NO_REQUEST_LINE


def _has_unencoded_address(line: str) -> bool:
    """Return whether a line is a request's but for what its address has; in steps, as one pattern would backtrack."""
    _, _, rest = line.partition(" ")
    address, _, version = rest.rpartition(" ")
    if version not in KNOWN_VERSIONS or not ADDRESS_START.match(address):
        return False
    return NOT_FOR_ADDRESSES.search(address) is not None
