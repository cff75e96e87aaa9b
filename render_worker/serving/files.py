"""The limit of open files, and how many connections it has room for."""

import resource


def room_for_connections(wanted: int, *, others: int, files_each: int = 1) -> int:
    """Return how many connections of `files_each` files fit beside `others`, `wanted` at most.

    The limit is raised first, if the system lets it be.
    """
    needed = wanted * files_each + others
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(wanted, (soft - others) // files_each))
    return wanted
