"""The pooled connections to one render worker."""

from image_api.outbound.guarded_http import GuardedAdapter, GuardedSession

POOLED_CONNECTIONS = 64


def worker_session(token: str | None) -> GuardedSession:
    """Return a session whose requests carry the token, if there is one."""
    session = GuardedSession()
    session.headers["Accept"] = "application/json"  # a browser would get a platform's loading page sooner
    # MAX_GENERATIONS bounds how many connections are open for generations; so many are kept for the next request.
    pool = GuardedAdapter(pool_connections=1, pool_maxsize=POOLED_CONNECTIONS)
    session.mount("http://", pool)
    session.mount("https://", pool)
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session
