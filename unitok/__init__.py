"""unitok: text, images and audio in one vocabulary, read and written by one decoder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unitok.document import Audio, Document, Image, Text, Turn
    from unitok.engine.sampling import Sampling, SamplingParams
    from unitok.model import UniTok
    from unitok.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "Document",
    "Image",
    "Sampling",
    "SamplingParams",
    "Text",
    "Turn",
    "UniTok",
    "Vocabulary",
    "__version__",
]

# Loaded at first use: `import unitok` itself must not take the seconds that torch and transformers need.
_HOMES = {
    "Audio": "unitok.document",
    "Document": "unitok.document",
    "Image": "unitok.document",
    "Sampling": "unitok.engine.sampling",
    "SamplingParams": "unitok.engine.sampling",
    "Text": "unitok.document",
    "Turn": "unitok.document",
    "UniTok": "unitok.model",
    "Vocabulary": "unitok.vocabulary",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unitok' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
