"""Where a model may run."""

from __future__ import annotations

import torch

from unitok_tokenizers.errors import InputError


def usable_device(device: torch.device | str) -> torch.device:
    """A device that this machine has.

    Args:
        device: It, or its name (``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``).

    Raises:
        InputError: The name is unknown, or there is no such device here.
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found).tolist()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError, TypeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            f"device {str(device)!r} cannot be used here ({reason}); give cpu, or an accelerator that this machine has"
        ) from None
    return found
