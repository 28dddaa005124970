"""Trains the audio tokenizer and its detokenizer together, as one VQ-VAE.

Shape letters: B batch, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from unitok.evaluation.audio_metrics import has_stoi, mel_distance, si_sdr, stoi
from unitok.training.audio_losses import MelLoss, SpectralLoss
from unitok.training.codec import AutoEncoder, CodecModule
from unitok.training.kept_tokenizer import kept_tokenizer
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.quantizers import Quantizer, ResidualQuantizer
from unitok.training.step_pictures import save_step_picture
from unitok.viz import rows_sheet, spectrogram
from unitok_detokenizers.audio import AudioDecoder, AudioDetokenizer, AudioDetokenizerConfig
from unitok_tokenizers.audio import AudioEncoder, AudioTokenizer, AudioTokenizerConfig
from unitok_tokenizers.errors import InputError


class AudioTokenizerModule(CodecModule):
    """A VQ-VAE with spectral, mel and adversarial losses. Batches are sounds ``[B, 1, N]``, N whole frames.

    Args:
        tokenizer: the encoder; its ``codebook`` is taken from the quantizer.
        detokenizer: the decoder; likewise.
        quantizer: how vectors become codes.
        optimizer: of the autoencoder and, with its own state, of the discriminator.
        schedule: of their learning rates.
        windows: samples of the windows of the multi-resolution spectral loss.
        spectral_weight: of that loss.
        mel_weight: of the absolute difference of log-mel spectra.
        tokenizer_from: a codec, base or checkpoint (its folder, or the name of a shipped one) whose audio tokenizer
            stays as it is: only a detokenizer is trained, for codes that decoders use already. It takes the place of
            ``tokenizer`` and ``quantizer``. Without ``detokenizer`` its own one is trained on.
        options: as for :class:`CodecModule`; its discriminator judges sounds ``[B, 1, N]``.
    """

    modality = "audio"

    def __init__(
        self,
        tokenizer: AudioTokenizerConfig | None = None,
        detokenizer: AudioDetokenizerConfig | None = None,
        quantizer: Quantizer | None = None,
        optimizer: OptimizerConfig = OptimizerConfig(lr=1e-3, weight_decay=1e-3),  # noqa: B008 - frozen
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008
        windows: Sequence[int] = (1024, 512, 256, 128),
        spectral_weight: float = 1.0,
        mel_weight: float = 4.0,
        tokenizer_from: str | None = None,
        **options: Any,
    ) -> None:
        kept = None
        if tokenizer_from is not None:
            classes = AudioTokenizer, AudioDetokenizer
            kept = kept_tokenizer(tokenizer_from, self.modality, classes, detokenizer, (tokenizer, quantizer))
            tokenizer, quantizer, detokenizer = kept.tokenizer.config, kept.quantizer, kept.detokenizer.config
        quantizer = quantizer or ResidualQuantizer(num_codebooks=1)
        tokenizer = replace(tokenizer or AudioTokenizerConfig(), codebook=quantizer.config)
        detokenizer = replace(detokenizer or AudioDetokenizerConfig(), codebook=quantizer.config)
        if tokenizer.spec != detokenizer.spec:
            raise InputError(
                f"tokenizer and detokenizer must have one rate and one hop_length: {tokenizer.spec}, {detokenizer.spec}"
            )
        encoder = AudioEncoder(tokenizer) if kept is None else kept.tokenizer.encoder
        decoder = AudioDecoder(detokenizer) if kept is None else kept.detokenizer.decoder
        model = AutoEncoder(encoder, quantizer, decoder)
        super().__init__(model, optimizer, schedule, kept=kept.tokenizer if kept else None, **options)
        self.tokenizer_config, self.detokenizer_config = tokenizer, detokenizer
        self.spectral, self.spectral_weight = SpectralLoss(windows), spectral_weight
        self.mel, self.mel_weight = MelLoss(tokenizer.sample_rate), mel_weight
        self.sample_rate = tokenizer.sample_rate

    def reconstruction_loss(self, output: Tensor, batch: Tensor) -> Tensor:
        spectral, mel = self.spectral(output, batch), self.mel(output, batch)
        self.log("train/spectral", spectral)
        self.log("train/mel", mel, prog_bar=True)
        return self.spectral_weight * spectral + self.mel_weight * mel

    @property
    def last_weight(self) -> Tensor:
        return self.model.decoder.head.project.weight

    def on_fit_start(self) -> None:
        super().on_fit_start()
        rate = getattr(self.trainer.datamodule, "sample_rate", self.sample_rate)  # pyright: ignore[reportAttributeAccessIssue]
        if rate != self.sample_rate:
            raise InputError(
                f"the codec has {self.sample_rate} samples a second and the data {rate}; give --data.sample_rate "
                f"{self.sample_rate} where the data has that option, or tokenizer and detokenizer the rate of the data"
            )

    def refuse_other_media(self, batch: Tensor) -> None:
        samples, hop = batch.shape[-1], self.tokenizer_config.hop_length
        if samples % hop:
            raise InputError(
                f"pieces of {samples} samples do not come apart into frames of {hop}; give data.seconds (and "
                f"data.validation_seconds) a multiple of {hop / self.sample_rate:g}"
            )

    def judge_reconstructions(self, output: Tensor, batch: Tensor, batch_idx: int) -> None:
        self.log(f"{self.stage}/mel_distance", mel_distance(batch, output, self.sample_rate).mean(), prog_bar=True)
        self.log(f"{self.stage}/si_sdr", si_sdr(batch, output).mean())
        if has_stoi():
            known = stoi(batch, output, self.sample_rate)
            known = known[known.isfinite()]
            if len(known):
                self.log(f"{self.stage}/stoi", known.mean(), prog_bar=True, batch_size=len(known))
        if batch_idx == 0:
            self._save_spectrograms(batch[:4, 0], output[:4, 0])

    def _save_spectrograms(self, originals: Tensor, outputs: Tensor) -> None:
        """Originals above their reconstructions."""
        rows = [[spectrogram(one, self.sample_rate) for one in sounds] for sounds in (originals, outputs)]
        save_step_picture(self.trainer, self.steps_done, rows_sheet(rows))

    def new_tokenizer(self) -> AudioTokenizer:
        return AudioTokenizer(self.tokenizer_config)

    def new_detokenizer(self) -> AudioDetokenizer:
        return AudioDetokenizer(self.detokenizer_config)
