"""The conversation in the terminal: `python -m unitok.generate --chat`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tqdm import tqdm

from unitok.audio_stream import AudioChunk, AudioFinished, AudioStarted
from unitok.document import Audio, Document
from unitok.engine.sampling import MAX_SEED
from unitok.grammar import Request
from unitok.hearing import in_words
from unitok.outputs import UNSEEN, Media, SoundFormat, slug, write_media
from unitok.processor import Processor
from unitok.prompt import AUDIO_PLACE, PLACE, message_parts
from unitok.sounds import load_sound
from unitok.stream import Event, ImageFinished, ImageRow, ImageStarted, SpeechHeard, TextDelta, TurnFinished
from unitok.terminal import error_line, printable
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import load_image
from unitok_tokenizers.media_files import write_file

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from unitok.engine.sampling import Sampling
    from unitok.model import Modality, UniTok

HELP = f"""\
/image FILE      a picture for the next message, which may say with {PLACE} where it goes
/audio FILE      a sound, in the same way with {AUDIO_PLACE}; a message of {AUDIO_PLACE} alone sends nothing else
/save FILE.json  write the conversation in the chat-messages form, its pictures and sounds inside
/load FILE.json  go on with a conversation that was written so, in place of this one
/reset           forget the conversation
/quit            leave; so does the end of the input (Ctrl-D)
Ctrl-C stops an answer, and the conversation stays as it was before its message."""


class Chat:
    """One conversation, read from stdin. Answers and the paths of files go to stdout, all else to stderr.

    Args:
        model: The model; its name is said by the caller.
        sampling: How answers are drawn.
        modality: What every answer may hold.
        output: The folder for pictures and sounds.
        seed: Answer `n` (from 0) is drawn with `seed + n`.
        seconds: Length of a sound at most.
        sound_format: Of the files of sounds.
    """

    def __init__(
        self,
        model: UniTok,
        sampling: Sampling,
        modality: Modality,
        output: Path,
        seed: int,
        seconds: float | None = None,
        sound_format: SoundFormat = "wav",
    ) -> None:
        self.document = Document()
        self._model = model
        self._sampling = sampling
        self._modality: Modality = modality
        self._output = output
        self._seed = seed
        self._seconds = seconds
        self._sound_format: SoundFormat = sound_format
        self._images: list[PILImage.Image] = []  # for the next message
        self._sounds: list[Audio] = []
        self._warned = False

    def run(self, first: Sequence[str | PILImage.Image | Audio] = ()) -> None:
        """Answers the first message, if it has parts, and then what is typed, to /quit or the input's end.

        An error in one message is printed and changes nothing; neither does a message stopped by Ctrl-C.
        """
        if sys.stdin is None:
            raise InputError("--chat reads messages from the standard input, which is closed")
        typed = sys.stdin.isatty()
        if typed:
            _enable_line_editing()
            print("/help lists the commands, /quit leaves", file=sys.stderr)
        if first:
            self._guarded(lambda: self.answer(first))
        while True:
            try:
                line = _read_line(typed)
            except KeyboardInterrupt:
                if not typed:
                    raise
                print(file=sys.stderr)  # as a shell does: the line is dropped, and a new one begins
                continue
            if line is None or line == "/quit":
                return
            if line:
                self._guarded(lambda line=line: self.handle(line))

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except InputError as error:
            print(error_line(error), file=sys.stderr)
        except KeyboardInterrupt:
            print("\ninterrupted; the conversation is as it was", file=sys.stderr)

    def handle(self, line: str) -> None:
        """One line of input: a command or a message. Raises `InputError` for what can be mended."""
        if not line.startswith("/"):
            self.answer(message_parts(line, self._images, self._sounds))
            return
        command, _, argument = line.partition(" ")
        argument = argument.strip()
        if command == "/image" and argument:
            self._images.append(load_image(_path(argument)))
        elif command == "/audio" and argument:
            self._sounds.append(load_sound(_path(argument)))
        elif command == "/save" and argument:
            self.save(_path(argument))
        elif command == "/load" and argument:
            self.load(_path(argument))
        elif command == "/reset" and not argument:
            self.document, self._warned = Document(), False
            self._forget_media()
        elif command == "/help" and not argument:
            print(HELP, file=sys.stderr)
        elif command in ("/image", "/audio", "/save", "/load"):
            raise InputError(f"{command} needs a file, as in {command} FILE")
        else:
            raise InputError(f"{line!r} is not a command; /help lists them")

    def _forget_media(self) -> None:
        self._images.clear()
        self._sounds.clear()

    def answer(self, parts: Sequence[str | PILImage.Image | Audio]) -> None:
        """Answers a message. The conversation grows by the message and the whole answer, or not at all."""
        asked = self.document.ask(*parts)
        answers = sum(turn.role == "assistant" for turn in asked.turns)
        words = " ".join(part for part in parts if isinstance(part, str))
        display = _Display(self._output, words, self._sound_format)
        seed = (self._seed + answers) % (MAX_SEED + 1)
        try:
            asked = _with_codes(asked, self._model.processor)
            for event in self._model.stream(asked, self._modality, self._sampling, seed, seconds=self._seconds):
                display.show(event)
                if isinstance(event, TurnFinished):
                    self.document = event.document
                    self._forget_media()
                    self._warn_of_end()
        except InputError as error:
            self._forget_media()  # what cannot be used would stand in the way of every later message
            hint = "; /reset begins a new conversation" if self.document.turns else ""
            raise InputError(f"{error}{hint}") from error
        finally:
            display.close()

    def _warn_of_end(self) -> None:
        """Says once that no picture fits into the rest of the context, of which only words would come."""
        processor, engine = self._model.processor, self._model.engine
        if self._warned or self._modality != "auto" or "image" not in processor.vocabulary.specs:
            return
        prompt = processor.encode(in_words(self.document.ask(" ")), generation_prompt=True)
        request = Request("image", self._sampling.max_tokens, grid=processor.grid)
        ever = engine.has_room(request, prompt[:1], self._sampling)
        if ever and not engine.has_room(request, prompt, self._sampling):
            self._warned = True
            print("the context has no room left for a picture; /reset begins a new conversation", file=sys.stderr)

    def save(self, path: Path) -> None:
        """Writes the conversation as JSON; the file appears whole or not at all, and never over another."""
        if not self.document.turns:
            raise InputError("there is no conversation to save yet")
        messages = json.dumps(self.document.to_messages(), ensure_ascii=False, indent=1) + "\n"

        def write(file: IO[bytes]) -> None:
            file.write(messages.encode())

        write_file(path, "conversation", write, overwrite=False)
        print(f"wrote {path}", file=sys.stderr)

    def load(self, path: Path) -> None:
        """Goes on with the conversation of a file as `save` writes it, or of any in the chat-messages form, bare or as
        the `messages` of an object."""
        try:
            messages = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is no conversation: {error}") from error
        if isinstance(messages, dict) and "messages" in messages:
            messages = messages["messages"]
        try:
            document = Document.from_messages(messages, path.parent)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if not document.turns or document.turns[-1].role != "assistant":
            raise InputError(f"{path} does not end with an answer, behind which the next message would stand")
        self.document, self._warned = document, False
        self._forget_media()
        print(f"read {path}: {len(document.turns)} turns", file=sys.stderr)


def _with_codes(document: Document, processor: Processor) -> Document:
    """The document with codes in all pictures: each is tokenized once, and not in every turn. Sounds are not, since
    they are heard several times, a part of a frame later each time."""
    pictures = [part for turn in document.turns for part in turn.images if part.codes is None]
    codes = processor.encode_images([part.image for part in pictures if part.image is not None])
    known = {id(part): replace(part, codes=one) for part, one in zip(pictures, codes, strict=True)}
    return document.with_parts(known)


class _Display:
    """Shows an answer as it comes; pictures and sounds become files named after `words`, or after what was heard."""

    def __init__(self, output: Path, words: str, sound_format: SoundFormat) -> None:
        self._output = output
        self._words = words.strip()
        self._heard = ""
        self._sound_format: SoundFormat = sound_format
        self._bar: tqdm | None = None
        self._line_open = False

    def show(self, event: Event) -> None:
        if isinstance(event, SpeechHeard):
            print(f"heard: {printable(event.words)}", file=sys.stderr)
            self._heard += f"{event.words} "
        elif isinstance(event, TextDelta):
            print(printable(event.text), end="", flush=True)
            self._line_open = True
        elif isinstance(event, ImageStarted):
            self.close()
            self._bar = tqdm(total=event.grid[0], desc="drawing", unit=" rows", file=sys.stderr, leave=False)
        elif isinstance(event, ImageRow) and self._bar is not None:
            self._bar.update()
        elif isinstance(event, ImageFinished):
            self._write(event.image.image, UNSEEN["image"])
        elif isinstance(event, AudioStarted):
            self.close()
            self._bar = tqdm(desc="sounding", unit=" frames", file=sys.stderr, leave=False)
        elif isinstance(event, AudioChunk) and self._bar is not None:
            self._bar.update(event.codes.shape[1])
        elif isinstance(event, AudioFinished):
            sound = event.audio if event.audio.samples is not None else None
            self._write(sound, UNSEEN["audio"])

    def _write(self, media: Media | None, unseen: str) -> None:
        self.close()
        if media is None:  # the conversation has its codes, and goes on
            print(unseen, file=sys.stderr)
            return
        stem = slug(self._words or self._heard, "sound" if isinstance(media, Audio) else "picture")
        paths, _ = write_media(self._output, stem, [[media]], self._sound_format)
        print(paths[0][0], flush=True)

    def close(self) -> None:
        """Ends the open line or bar, so that what comes next starts on a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._line_open:
            print(flush=True)
            self._line_open = False


def _path(name: str) -> Path:
    return Path(os.path.expanduser(name))  # a name such as ~draft.json, of no user, stays as it is


def _read_line(typed: bool) -> str | None:
    """The next line without the space around it, or None at the end of the input."""
    prompt = "> " if typed else ""
    if not sys.stdout.isatty():  # where answers go elsewhere, input() would send its prompt there
        print(prompt, end="", file=sys.stderr, flush=True)
        prompt = ""
    try:
        return input(prompt).strip()
    except EOFError:
        if typed:
            print(file=sys.stderr)
        return None


def _enable_line_editing() -> None:
    with contextlib.suppress(ImportError):  # not on every platform
        import readline  # noqa: F401  importing it is what makes input() edit lines
