"""Tokenizers and detokenizers on the Hugging Face Hub, each alone: the mixin of `huggingface_hub` and a model card."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import huggingface_hub
from huggingface_hub import ModelCard, ModelHubMixin

from unitok_tokenizers.errors import InputError

HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# No code. The only pickle is that of the original VQGAN, which is read with `weights_only`.
HUB_FILES: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*vqgan.ckpt", "*vqgan.yaml")
Component = TypeVar("Component", bound="HubComponent")

CARD: Final = """---
{{ card_data }}
---

# {{ name }}

{{ about }}

```python
from {{ module }} import {{ name }}

component = {{ name }}.from_pretrained("FOLDER OR OWNER/NAME")
```

A whole model of unitok holds it as a component.
"""


class HubComponent(ModelHubMixin, library_name="unitok", tags=["discrete-tokens"], model_card_template=CARD):
    """A part of a model that is saved, loaded and pushed alone: `save_pretrained`, `from_pretrained`, `push_to_hub`."""

    hub_files: ClassVar[Sequence[str]] = HUB_FILES
    """Which files are fetched from the Hub, as patterns."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)  # not the mixin's, which would collect the arguments: `write` saves them

    def write(self, folder: str | Path) -> None:
        """Write the component's own files into a folder, which is made if need be."""
        raise NotImplementedError

    @classmethod
    def read(cls: type[Component], folder: str | Path) -> Component:
        """Read what :meth:`write` wrote; InputError names what is missing or damaged."""
        raise NotImplementedError

    def save_pretrained(self, save_directory: str | Path, **pushed: Any) -> None:  # type: ignore[override]
        """Write the component into a folder; other files there are left alone (the mixin's own removes some).

        Args:
            save_directory: The folder, which is made if need be.
            pushed: What `push_to_hub` passes, and nobody else; then a model card is written too.
        """
        self.write(save_directory)
        if pushed:
            self.generate_model_card(**(pushed.get("model_card_kwargs") or {})).save(Path(save_directory) / "README.md")

    @classmethod
    def from_pretrained(  # type: ignore[override]  # damaged files are our own errors
        cls: type[Component], name_or_folder: str | Path
    ) -> Component:
        """Read a component.

        Args:
            name_or_folder: A folder, or the name `owner/model` of one on the Hub, which is downloaded.

        Raises:
            InputError: There is none, or it is damaged.
        """
        return cls.read(find_folder(name_or_folder, cls.hub_files))

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card that is saved beside the weights."""
        about = (type(self).__doc__ or "").strip().splitlines()[0]
        spec = getattr(self, "spec", None)
        if spec is not None:
            about += f" Codes: {spec}."
        names = {"name": type(self).__name__, "module": type(self).__module__, "about": about}
        return super().generate_model_card(**{**names, **kwargs})


def find_folder(name_or_folder: str | Path, files: Sequence[str] = HUB_FILES) -> Path:
    """A folder, or where those files of a name on the Hub were downloaded to.

    Raises:
        InputError: It is neither.
    """
    path = Path(name_or_folder)
    if os.path.exists(path) or not HUB_NAME.fullmatch(str(name_or_folder)):
        return path
    return download(str(name_or_folder), files)


def download(name: str, files: Sequence[str] = HUB_FILES) -> Path:
    """Fetch files of a model or a component from the Hub, by default all but code and pickles.

    Raises:
        InputError: It could not be fetched.
    """
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(files)))
    except Exception as error:  # no network, no such name, no permission: each has classes of its own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"there is no folder {name!r}, and it could not be fetched from the Hugging Face Hub: {reason}"
        ) from error
