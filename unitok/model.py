"""UniTok: documents in, documents with an answer out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import torch
from huggingface_hub import HfApi
from torch import Tensor

from unitok import checkpoint
from unitok.arguments import as_documents, as_sampling, whole
from unitok.candidates import best_answers
from unitok.checks import check_integer, check_made
from unitok.decoder_folder import merge_adapter
from unitok.devices import usable_device
from unitok.document import Document
from unitok.engine import BATCH_SIZE, Engine, EngineOptions, NoRoomError, Sampling
from unitok.engine.sampling import check_seed
from unitok.grammar import Grammar, Modality, Request
from unitok.hearing import Row, hear, in_words
from unitok.manifest import is_checkpoint
from unitok.model_card import model_card
from unitok.processor import Processor
from unitok.refining import refine_answers
from unitok.shipped import find_checkpoint
from unitok.sound_room import check_room, sounds_in
from unitok.stream import Event, EventReader, SpeechHeard
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from unitok_detokenizers.refiner import RefinerPipeline


class UniTok:
    """A model of text, images and sounds.

    Args:
        processor: The tokenizers, the detokenizers and the vocabulary.
        decoder: A ``transformers`` causal LM over the vocabulary; it is put into eval mode.
        sampling: How answers are drawn when the caller does not say.
        refiner: The folder of a refiner, which is loaded when it is first used.
        options: How the decoder is run.

    Raises:
        InputError: The decoder and the vocabulary do not fit together.
    """

    def __init__(
        self,
        processor: Processor,
        decoder: PreTrainedModel,
        sampling: Sampling | None = None,
        refiner: str | Path | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        self._options = options
        self.processor = processor
        self.decoder = decoder.eval()
        self.sampling = sampling or Sampling()
        self._refiner_folder = None if refiner is None else Path(refiner)
        self._refiner: RefinerPipeline | None = None
        self._build_engine()

    def _build_engine(self) -> None:
        vocabulary = self.processor.vocabulary
        unused = getattr(self.processor.text_tokenizer, "unused_ids", ())
        self.grammar = Grammar(vocabulary, unused, self.device)
        on_host = self.grammar if self.device.type == "cpu" else Grammar(vocabulary, unused)
        self.engine = Engine(self.decoder, vocabulary, on_host, self._options)

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        adapter: str | Path | None = None,
        compile: bool = False,
        weights: Literal["int8"] | None = None,
    ) -> UniTok:
        """Loads a checkpoint.

        Args:
            name_or_folder: ``"tiny"``, the model in this package; or a folder that :meth:`save_pretrained`
                wrote, or that holds a released model (see :mod:`unitok.released`); or, where no such folder
                exists, the name ``owner/model`` of one on the Hugging Face Hub.
            device: Where the model goes (:func:`~unitok.devices.usable_device`).
            dtype: The decoder's; by default float32 on a CPU and as stored elsewhere.
            adapter: Folder of an adapter that was trained on this checkpoint's decoder (`model.lora`); it is merged
                into the weights, so that saving the model saves the whole.
            compile: Compiles the decoder's steps. The first time takes a minute or more, and a C++ compiler; the result
                is kept in ``$UNITOK_CACHE``, by default ``~/.cache/unitok``.
            weights: ``"int8"`` rounds the decoder's matrices to 8 bits while it runs; what is saved stays as it is.

        Raises:
            InputError: There is no such checkpoint or adapter, or it is damaged; the message names the file. Or an
                option does not go with the decoder or this machine.
        """
        device = usable_device(device)
        folder = find_checkpoint(name_or_folder)
        if is_checkpoint(folder) or not (folder / "config.json").is_file():
            loaded = checkpoint.load(folder, device, dtype)
        else:
            loaded = _load_released(folder, device, dtype)
        assert loaded.decoder is not None  # a base is refused when it is read
        decoder = loaded.decoder if adapter is None else merge_adapter(loaded.decoder, adapter)
        model = cls(loaded.processor, decoder, loaded.sampling, loaded.refiner, EngineOptions(compile, weights))
        if compile or weights:
            model.engine.forward()  # what does not go is said now, and not with the first answer
        return model

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes a checkpoint folder, whole or not at all; see :func:`unitok.checkpoint.save`."""
        parts = checkpoint.Checkpoint(self.processor, self.decoder, self.sampling, self._refiner_folder)
        checkpoint.save(parts, folder)

    @property
    def has_refiner(self) -> bool:
        """Whether there is a second stage."""
        return self._refiner_folder is not None

    @property
    def refiner(self) -> RefinerPipeline:
        """The second stage, which makes pictures of twice the size.

        Raises:
            InputError: The checkpoint has none, or it is damaged.
        """
        if self._refiner is None:
            if self._refiner_folder is None:
                raise InputError("this model has no refiner; leave refine out")
            from unitok_detokenizers.refiner import load_refiner  # only here: slow to import

            self._refiner = load_refiner(self._refiner_folder).to(self.device)
        return self._refiner

    def push_to_hub(
        self, repo_id: str, private: bool | None = None, token: str | None = None, evaluation: str | Path | None = None
    ) -> str:
        """Puts the checkpoint on the Hugging Face Hub, with a model card.

        Args:
            repo_id: ``owner/model``; it is made if need be.
            private: Whether it is made private; None: as the owner's settings have it.
            token: The access token; by default the one that is logged in.
            evaluation: The ``evaluation.md`` that the card shows.

        Returns:
            The address of the commit.
        """
        api = HfApi(token=token)
        card = model_card(self.processor, self.decoder, repo_id, evaluation)
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            card.save(Path(folder) / "README.md")
            repo_id = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
            message = "Upload a unitok checkpoint"
            older = [f"{name}/*" for name in checkpoint.PARTS]  # such as weights in another number of files
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=folder, commit_message=message, delete_patterns=older
            )
            return str(commit)

    @property
    def device(self) -> torch.device:
        return self.decoder.device

    def to(self, device: torch.device | str) -> UniTok:
        """Moves the decoder and the codecs to a device, and returns the model itself."""
        device = usable_device(device)
        self.decoder.to(device)  # type: ignore[arg-type]
        self.processor.to(device)
        if self._refiner is not None:
            self._refiner.to(device)
        self._build_engine()
        return self

    def generate(
        self,
        documents: Document | Sequence[Document],
        modality: Modality = "auto",
        sampling: Sampling | None = None,
        num: int = 1,
        seed: int | Sequence[int] = 0,
        batch_size: int = BATCH_SIZE,
        progress: Callable[[int, int], None] | None = None,
        refine: bool = False,
        refine_steps: int = 4,
        grid: tuple[int, int] | None = None,
        seconds: float | None = None,
    ) -> list[Document]:
        """Answers documents.

        An answer depends on its document and its seed alone, not on what it is generated together with (compiled or in
        8 bits: but for what rounding does in bfloat16, as short passes and long ones round in other places). Of several
        candidates (``best_of``) the best is given; which one that is may hang on the last bits of their likelihoods.

        Args:
            documents: A document, or several; each ends before the assistant's turn.
            modality: ``"text"``: words only; ``"image"``: exactly one picture; ``"audio"``: exactly one sound;
                ``"auto"``: as the model sees fit.
            sampling: How tokens are drawn; by default as the checkpoint says.
            num: Answers to each document. Answer ``j`` (from 0) is drawn with the seed ``seed + j``.
            seed: At least 0; one for all documents, or one for each.
            batch_size: Answers, or candidates for them, that are generated at once; as one ends, the next begins.
            progress: Called now and then with the tokens generated so far, of all candidates, and an estimate of all
                that will be.
            refine: Pictures go through the refiner, which doubles their size; their codes stay as they are.
            refine_steps: Its steps.
            grid: Code grid ``(h, w)`` of the pictures; by default as the model was trained, or as it chooses.
            seconds: Length of a sound at most; by default as ``sampling.max_tokens`` and the context allow. A sound
                always ends at a frame's border.

        Returns:
            ``num`` documents for each given one, in order and side by side: the document with the assistant's
            turn behind it, whose images and sounds have their codes and, with detokenizers, their pictures and samples.
            Sounds that were written down first (``sampling.hear_first``) have their words.

        Raises:
            InputError: A document cannot be encoded or leaves no room for its answer, or an option is out of
                range.
        """
        documents = as_documents(documents)
        seeds = self._seeds(seed, len(documents), num)
        batch_size = whole(batch_size)
        check_integer(batch_size, "batch_size", low=1)
        if refine:
            check_made("refine", "image", modality)
        refiner = self._loaded_refiner(refine_steps) if refine else None
        sampling = as_sampling(sampling or self.sampling)
        wanted = self._request(modality, sampling, grid, seconds)
        rows, requests = self._rows(documents, wanted, sampling, seeds, batch_size, grid is not None)
        answers = best_answers(self.processor, self.engine, rows, requests, wanted, sampling, batch_size, progress)
        turns = [self.processor.parse_turn(answer) for answer in answers]
        answered = self.processor.with_media([
            Document((*row.document.turns, turn)) for row, turn in zip(rows, turns, strict=True)
        ])  # fmt: skip
        if refiner is None:
            return answered
        return refine_answers(answered, [row.seed for row in rows], refiner, refine_steps)

    def stream(
        self,
        document: Document,
        modality: Modality = "auto",
        sampling: Sampling | None = None,
        seed: int = 0,
        grid: tuple[int, int] | None = None,
        seconds: float | None = None,
    ) -> Iterator[Event]:
        """Answers a document piece by piece.

        There is one candidate, since nothing can be taken back: the whole is what :meth:`generate` returns for the same
        seed with ``best_of`` 1 (``temperature_alone`` where that is set).

        Yields:
            The events of :mod:`unitok.stream`; a :class:`~unitok.stream.TurnFinished` is the last.

        Raises:
            InputError: As :meth:`generate`, when the first event is asked for.
        """
        sampling = as_sampling(sampling or self.sampling).alone()
        wanted = self._request(modality, sampling, grid, seconds)
        (document,), seeds = as_documents([document]), self._seeds(seed, 1, 1)
        (row,), requests = self._rows([document], wanted, sampling, seeds, of_grid=grid is not None)
        heard = row.document.turns[-1].sounds if row.document is not document else ()
        yield from (SpeechHeard(sound.words) for sound in heard if sound.words)
        reader = EventReader(self.processor, row.document)
        unconditional = self.processor.unconditional()
        for piece in self.engine.pieces([row.prompt], requests, sampling, [row.seed], unconditional):
            for token_id in piece.token_ids:
                yield from reader.read(token_id)

    def check(
        self,
        modality: Modality = "auto",
        sampling: Sampling | None = None,
        grid: tuple[int, int] | None = None,
        seconds: float | None = None,
    ) -> None:
        """Raises `InputError`, as :meth:`generate` would, where not even a document of one word can be answered so."""
        sampling = as_sampling(sampling or self.sampling)
        wanted = self._request(modality, sampling, grid, seconds)
        self._rows([Document.user("-")], wanted, sampling, [[0]], of_grid=grid is not None)

    def _loaded_refiner(self, steps: int) -> RefinerPipeline:
        """The refiner; asked for before anything is drawn, so that what is wrong with it is known by then."""
        check_integer(whole(steps), "refine_steps", low=1)
        return self.refiner

    def _rows(
        self,
        documents: Sequence[Document],
        wanted: Request,
        sampling: Sampling,
        seeds: Sequence[Sequence[int]],
        batch_size: int = BATCH_SIZE,
        of_grid: bool = False,
    ) -> tuple[list[Row], list[Request]]:
        """The answers that are asked for, one to each document and seed of it, and what each may hold.

        ``of_grid``: the caller gave the grid of pictures, for which there must be room even where none is demanded.
        """
        told = [in_words(document) for document in documents] if sampling.hear_first else documents
        given = enumerate(zip(documents, self._prompts(told), seeds, strict=True))
        rows = [Row(number, document, prompt, one) for number, (document, prompt, chosen) in given for one in chosen]
        if sampling.hear_first:
            rows = hear(self.processor, self.engine, rows, wanted, sampling, batch_size)
        if of_grid and wanted.modality == "auto" and "image" in self.processor.vocabulary.specs:
            self._fitted(replace(wanted, modality="image"), rows, sampling)
        return rows, self._fitted(wanted, rows, sampling)

    def _prompts(self, documents: Sequence[Document]) -> list[Tensor]:
        if not all(any(turn.parts for turn in document.turns) for document in documents):
            raise InputError("a document is empty; give it some text, a picture or a sound")
        for document in documents:
            if document.turns[-1].role == "assistant":
                raise InputError("a document ends with the assistant's turn; its last turn must be the user's")
            check_room(self.processor, self.engine.context, document)
        return self.processor.encode_batch(documents, generation_prompt=True)

    def _seeds(self, seed: int | Sequence[int], documents: int, num: int) -> list[list[int]]:
        """The seed of each answer to each document."""
        check_integer(whole(num), "num", low=1)
        try:
            first = [seed] * documents if isinstance(seed, int | Integral) else list(seed)
        except TypeError:
            raise InputError(f"seed must be an integer of at least 0, or one for each document, not {seed!r}") from None
        if len(first) != documents:
            raise InputError(f"{len(first)} seeds were given for {documents} documents; give one, or one for each")
        for one in first:
            check_seed(whole(one))
        seeds = [[int(one) + sample for sample in range(num)] for one in first]
        for one in itertools.chain(*seeds):
            check_seed(one)
        return seeds

    def _request(
        self, modality: Modality, sampling: Sampling, grid: tuple[int, int] | None, seconds: float | None
    ) -> Request:
        """What an answer may hold. Raises `InputError` for options of others."""
        for option, given, made in (("grid", grid, "image"), ("seconds", seconds, "audio")):
            if given is not None:
                check_made(option, made, modality)
        if isinstance(grid, tuple | list):
            grid = tuple(map(whole, grid))  # type: ignore[assignment]
        frames = None if seconds is None else self.processor.frames_in(seconds)
        return Request(modality, sampling.max_tokens, grid=grid or self.processor.grid, max_frames=frames)

    def _fitted(self, wanted: Request, rows: Sequence[Row], sampling: Sampling) -> list[Request]:
        """What each answer may hold; checked before the first of them is begun."""
        unconditional = self.processor.unconditional()
        fitted: dict[int, Request] = {}  # answers to one document share their prompt
        for row in rows:
            if id(row.prompt) in fitted:
                continue
            try:
                fitted[id(row.prompt)] = self.engine.fit(wanted, row.prompt, sampling, unconditional)
            except InputError as error:
                of_room = sounds_in(self.processor, row.document) if isinstance(error, NoRoomError) else ""
                message = "; ".join(filter(None, [str(error), of_room]))
                raise InputError(f"document {row.number + 1}: {message}" if rows[-1].number else message) from None
        return [fitted[id(row.prompt)] for row in rows]


def _load_released(folder: Path, device: torch.device | str, dtype: torch.dtype | None) -> checkpoint.Checkpoint:
    from unitok.released import read_released  # only here: slow to import

    released = read_released(folder)
    decoder = released.decoder(checkpoint.default_dtype(device, dtype)).to(device)  # type: ignore[arg-type]
    return checkpoint.Checkpoint(released.processor.to(device), decoder, released.sampling)
