"""Headers of all pages that keep what a page knows to itself: https://owasp.org/www-project-secure-headers/."""

from flask import Flask, Response

from image_api.web.pages.html_pages import CONTENT_SECURITY_POLICY, HTML

PAGE_HEADERS = {
    # A page's address may have a prompt, which is not for the hosts of pictures.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # A page has its own; this is for one that has forgotten it. It also forbids frames, so that no page is clicked in
    # another one's: X-Frame-Options would say the same to browsers of before 2016.
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


def register(app: Flask) -> None:
    """Give every page these headers, unless it has others of these names."""
    app.after_request(_protect_page)


def _protect_page(response: Response) -> Response:
    # Flask calls the type of a response without a body HTML, too; on a 304 these would change the picture in a cache.
    if response.mimetype == HTML and response.calculate_content_length() != 0:
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)
    return response
