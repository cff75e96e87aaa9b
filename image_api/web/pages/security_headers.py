"""Headers of whatever a browser may render, and more of pages: https://owasp.org/www-project-secure-headers/."""

from flask import Flask, Response

from image_api.web.current import current_request
from image_api.web.pages.html_pages import CONTENT_SECURITY_POLICY, HTML
from image_api.web.responses import add_if_missing
from render_worker.serving.security_headers import WITHOUT_CONTENT, policy_of

PAGE_HEADERS = {
    # A page's address may have a prompt, which is not for the hosts of pictures.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A page has its own; this is for one that has forgotten it. It also forbids frames, so that no page is clicked in
    # another one's: X-Frame-Options would say the same to browsers of before 2016.
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}
# Without includeSubDomains: other hosts of the domain are not this service's.
STRICT_TRANSPORT = "max-age=31536000"
LOCAL_HOST = "localhost"  # browsers apply the header to every port, so to what else is developed there


def register(app: Flask) -> None:
    """Give every response these headers, unless it has others of these names."""
    app.after_request(_protect)


def _protect(response: Response) -> Response:
    # On a 304 these would change the response in a cache. Flask calls the type of an empty one HTML, too.
    mimetype = response.mimetype or ""
    is_page = mimetype == HTML
    if response.status_code not in WITHOUT_CONTENT and not (is_page and response.calculate_content_length() == 0):
        if is_page:
            for name, value in PAGE_HEADERS.items():
                add_if_missing(response, name, value)
        else:
            add_if_missing(response, "Content-Security-Policy", policy_of(mimetype))
    request = current_request()
    if request.scheme == "https" and not _is_local(request.host):
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    return response


def _is_local(host: str) -> bool:
    name = host.partition(":")[0].rstrip(".").lower()
    return name == LOCAL_HOST or name.endswith(f".{LOCAL_HOST}")
