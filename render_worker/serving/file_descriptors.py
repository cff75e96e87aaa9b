"""The limit of file descriptors (RLIMIT_NOFILE), and how many connections fit within it."""

import resource


def room_for_connections(max_connections: int, *, others: int, files_each: int = 1) -> int:
    """Return how many connections of `files_each` descriptors fit beside `others` of them, `max_connections` at most.

    The soft limit is raised first, as far as the hard limit allows.
    """
    needed = max_connections * files_each + others
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(max_connections, (soft - others) // files_each))
    return max_connections
