"""What several views have in common: their responses, the errors that they raise, and headers."""

from collections.abc import Mapping

from image_api.auth.errors import AuthUnavailable, Forbidden, InvalidLink, TooManyAttempts, Unauthorized
from image_api.errors import (
    Cancelled,
    DeadlinePassed,
    EngineNotConfigured,
    InvalidParameter,
    MisdirectedRequest,
    NotForPreviews,
    PictureDeleted,
    PictureLostAgain,
    PictureUnavailable,
    Relayed,
    ServiceBusy,
    SpeculativeRequest,
    Stopping,
    StreamLost,
    TooManyStreams,
    UnknownToWorker,
    Unsupported,
    UploadTooLarge,
    WorkerNotConfigured,
    WorkerUnavailable,
)
from image_api.jobs.errors import DatabaseUnavailable, KeyReused, TooManyJobs, WebhooksDisabled
from image_api.jobs.job_json import JobProgress, JobView
from image_api.limits.errors import BudgetSpent, PromptBlocked, RateLimited
from image_api.web.api import EVENTS, HTML, JSON, Answer, Models
from image_api.web.event_stream import StreamError
from image_api.web.picture_json import ResultWithPicture
from image_api.web.schemas.openai_pictures import (
    CompletedEvent,
    ErrorEvent,
    FailedEvent,
    ImagesResponse,
    PartialEvent,
)
from image_api.web.schemas.pictures import IndexedError, IndexedProgress, IndexedResult, PicturesResult
from render_worker.contract import IMAGE_TYPES, GenerateResult, Progress

HEADERS: Mapping[str, str] = {
    "Accept-Ranges": "`bytes` if a part of the picture can be asked for.",
    "Access-Control-Allow-Origin": "Which pages' scripts may read the response: `CORS_ORIGINS`.",
    "Access-Control-Expose-Headers": "The headers that those scripts may read.",
    "Allow": "The methods of this address.",
    "Cache-Control": "Whether, and for how long, a cache may store the response.",
    "Content-Disposition": "A file name made of the prompt's words.",
    "Content-Encoding": "`gzip` if the request accepts that.",
    "Content-Location": "The address at which the same picture stays.",
    "Content-Range": "Which part of the picture it is.",
    "Content-Security-Policy": "What the page may load and run: nothing from elsewhere. Without a page: nothing.",
    "Cross-Origin-Resource-Policy": "`cross-origin`: any page may show the picture. `same-origin`: of a page.",
    "Cross-Origin-Opener-Policy": "`same-origin`: no page that opened this one may reach it.",
    "ETag": "The name of this content, for If-None-Match.",
    "Idempotency-Replayed": "`true` if the same `Idempotency-Key` has made the job before.",
    "Link": 'The address of the next page, with `rel="next"`.',
    "Location": "The address of the picture, or of the job.",
    "Preference-Applied": "`respond-async`, if `Prefer` asked for it.",
    "Permissions-Policy": "That the page uses none of the device's sensors.",
    "Referrer-Policy": "`same-origin`: the page's address is told to no other host.",
    "RateLimit": "Of each limit of new pictures: how many are left (`r`), and the seconds until all are again (`t`).",
    "RateLimit-Policy": "The limits of new pictures that the client has: so many (`q`) in so many seconds (`w`).",
    "Refresh": "Seconds after which the page looks again.",
    "Retry-After": "Seconds after which a retry can succeed.",
    "Sec-WebSocket-Version": "The version of the protocol that is known here: 13.",
    "Strict-Transport-Security": "Over https: browsers shall use that alone for this host from now on.",
    "Upgrade": "`websocket`.",
    "WWW-Authenticate": "The kind of credential that is needed, and what is wrong with the one that was sent.",
    "Vary": "The request's headers that decide the response.",
    "X-Accel-Buffering": "`no`: nginx is not to buffer the stream.",
    "X-Cache": "`HIT`: the picture was cached. `JOINED`: it was made for an identical request in flight. `MISS`: it was"
    " made for this one.",
    "X-Content-Type-Options": "`nosniff`.",
    "X-Engine": "The engine that made the picture.",
    "X-Ignored": "Requested parameters that the picture lacks, as `ignored` in JSON.",
    "X-Request-ID": "The request's id, which the logs have, and by which it can be cancelled.",
    "X-Seed": "The seed used.",
}
ALWAYS = ("X-Request-ID", "X-Content-Type-Options", "Cache-Control")
ANYWHERE = (
    *("RateLimit", "RateLimit-Policy", "Vary", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"),
    *("Content-Security-Policy", "Strict-Transport-Security"),
)
"""What any response may have: by CORS_ORIGINS, by what it depends on, by its content and over https."""
PAGE_HEADERS = (
    *("Content-Encoding", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"),
    *("Permissions-Policy", "Referrer-Policy"),
)
"""Of every page."""
PICTURE_HEADERS = ("X-Cache", "X-Engine", "X-Seed", "X-Ignored", "Content-Location", "Content-Disposition", "ETag")
STORED_HEADERS = ("ETag", "Accept-Ranges")

TYPES = tuple(IMAGE_TYPES.values())
PICTURES = dict.fromkeys((*TYPES, "image/avif"))
PROGRESS_EVENTS: Mapping[str, Models] = {
    "progress": (Progress, IndexedProgress),
    "picture": IndexedResult,
    "picture_error": IndexedError,
    "result": (GenerateResult, ResultWithPicture, PicturesResult),
    "failure": StreamError,
}
STREAM = "`Accept: text/event-stream` asks for events; a request with the `Last-Event-ID` of the last one resumes them."
RESUMED_TO_END = Answer("The stream of `Last-Event-ID` had ended: there is nothing more.")
MADE = Answer(
    "The picture: JSON by default, several with `n`; events with `Accept: text/event-stream`; its bytes with"
    " `format=image`, or `output_format=auto` in an `<img>`; in an address bar, and to a link-preview bot, a page.",
    {
        JSON: (GenerateResult, ResultWithPicture, PicturesResult),
        EVENTS: PROGRESS_EVENTS,
        **PICTURES,
        HTML: None,
    },
    (*PICTURE_HEADERS, "X-Accel-Buffering", *PAGE_HEADERS),
)
ASYNC = "`Prefer: respond-async` makes a job of a request whose response is JSON with addresses, and returns 202."
JOB = Answer("The job.", {JSON: JobView}, ("Retry-After",))
ACCEPTED = Answer(
    "The job, which is kept: also that which the same `Idempotency-Key` has made before.",
    {JSON: JobView},
    ("Location", "Retry-After", "Idempotency-Replayed", "Preference-Applied"),
)
JOB_EVENTS = Answer(
    "The job's events: its present state, each change of it, and at last `completed`, `failed` or `canceled`.",
    {
        EVENTS: {
            "status": JobView,
            "progress": JobProgress,
            **dict.fromkeys(("completed", "failed", "canceled"), JobView),
        }
    },
    ("X-Accel-Buffering",),
)
UNCHANGED = Answer("The picture is the one that If-None-Match names.", {}, PICTURE_HEADERS)
FILE = Answer(
    "The picture. To a link-preview bot the cached one; with `Accept: text/event-stream` and a `Last-Event-ID` events.",
    {**dict.fromkeys(TYPES), EVENTS: PROGRESS_EVENTS},
    (*PICTURE_HEADERS, "X-Accel-Buffering"),
)
LED = Answer(
    "A redirect to the picture, with its JSON: with `format=redirect`, and to a client that shows pictures alone.",
    {JSON: GenerateResult},
    ("Location", "X-Cache"),
)
OPENAI_MADE = Answer(
    "The pictures; with `stream` events, as OpenAI's clients know them.",
    {
        JSON: ImagesResponse,
        EVENTS: {
            "image_generation.partial_image": PartialEvent,
            "image_generation.completed": CompletedEvent,
            "image_generation.failed": FailedEvent,
            "image_edit.partial_image": PartialEvent,
            "image_edit.completed": CompletedEvent,
            "image_edit.failed": FailedEvent,
            "error": ErrorEvent,
        },
    },
    ("X-Accel-Buffering",),
)
PAGE = {200: Answer("A page.", {HTML: None}, PAGE_HEADERS)}

EVERY = (InvalidParameter, MisdirectedRequest, 414, 431, 500)
"""What any request may get."""
CREDENTIALS = (Unauthorized, Forbidden, TooManyAttempts, AuthUnavailable)
"""What any request may get that needs a credential: by AUTH, or by `require_admin`."""
SIGNED = "A signed link to it (`flask --app app sign`) needs no credential: it adds `expires` and `signature`."
INVALID_LINK = Answer("A signed link is not valid: in an address bar a page says why.", {HTML: None}, PAGE_HEADERS)
LINKS = (InvalidLink, AuthUnavailable)
"""What a request by a signed link may get, whatever AUTH is."""
BODIES = (408, 413)
COSTS = (NotForPreviews,)
"""What a link-preview bot gets at each address that could cost something."""
WORKER = (*COSTS, WorkerNotConfigured, WorkerUnavailable, Stopping, DeadlinePassed, Relayed)
"""What asking the render worker may come to."""
MAKING = (*WORKER, UnknownToWorker, PromptBlocked, ServiceBusy, Cancelled, RateLimited, BudgetSpent)
"""What making a picture may come to."""
OPENING = (PictureUnavailable, PictureDeleted)
"""What reading its bytes may come to, too."""
STREAMING = (TooManyStreams, StreamLost)
JOB_ERRORS = (*COSTS, DatabaseUnavailable)
"""What asking for a job may come to."""
SUBMITTING = (*JOB_ERRORS, PromptBlocked, RateLimited, BudgetSpent, TooManyJobs, KeyReused, WebhooksDisabled)
UPLOADS = (*BODIES, UploadTooLarge, ServiceBusy)
SPECULATION = (SpeculativeRequest,)
HEALING = (*MAKING, *OPENING, PictureLostAgain, SpeculativeRequest)
ITS_ENGINE = (*MAKING, *OPENING, EngineNotConfigured)
"""What making a picture may come to that needs an engine which runs models itself."""
EDITING = (*MAKING, *OPENING, *UPLOADS, Unsupported)

RELAYED: Mapping[int, tuple[str, ...]] = {
    400: ("invalid_parameter",),
    409: ("cancelled",),
    422: ("content_refused", "nsfw_refused"),
    500: ("engine_not_configured", "storage_not_configured", "internal_error"),
    502: (
        "engine_failed",
        "engine_unreachable",
        "engine_unauthorized",
        "engine_request_refused",
        "engine_unexpected_reply",
        "model_unusable",
        "picture_…",
        "storage_failed",
        "perchance_…",
    ),
    503: (
        "worker_busy",
        "worker_unavailable",
        "engine_not_configured",
        "too_slow",
        "engine_resting",
        "engine_busy",
        "engine_rate_limited",
        "engine_quota_exhausted",
        "engine_budget_unavailable",
        "perchance_…",
    ),
    504: ("timeout",),
    507: ("out_of_memory",),
}
"""The codes of the render worker's errors, which this tier relays, by their statuses."""
REFUSED_HTTP: Mapping[int, tuple[str, ...]] = {400: ("invalid_http",), 414: ("too_large",), 431: ("too_large",)}
"""Those of a request that the server itself refuses."""
