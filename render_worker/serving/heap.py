"""The heap: one for all threads, and large blocks go back to the system once they are free (glibc)."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)
MAPPED_BYTES = 4 << 20  # and more: Pillow's blocks of large pictures, and engines' files; a picture of 768x768 has less
KEPT_BYTES = 16 << 20  # free at a heap's end; less, and pictures of the usual sizes take a fifth longer


def limit_heap() -> None:
    """Have one heap for all threads, and map each large block on its own, so that no heap keeps it.

    With a heap for each thread the worker had 6 MiB more at work, and waited no less.
    By itself glibc raises both limits with the first large block that is freed: after four pictures of 4096x4096 at
    once, 230 MB stayed in the process, and 60 so.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
