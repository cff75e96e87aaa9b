"""Whether an error means that the memory is full."""

import torch

# Of PyTorch's allocator on a CPU, which raises a RuntimeError.
_WORDS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory", "CUDA out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the CPU's or the GPU's memory is full."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
