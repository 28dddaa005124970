"""The refiner: how near it comes to the picture at double size, and whether it changes what is in it.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from unitok.data.world.render import render
from unitok.data.world.scene import sample_scene
from unitok.evaluation.codec import Codec
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.metrics import psnr, sharpness
from unitok.evaluation.oracle import read, same_scene
from unitok.evaluation.setup import Setup
from unitok_tokenizers.image_io import to_pil, to_tensor

GAIN_TARGET, SAME_SCENE_TARGET, SECONDS_TARGET = 3.0, 99.5, 2.0
SHARPNESS_TARGET, SHARPNESS_MOST = 0.9, 1.1
STEPS = 4
ROUNDS = 7
MOST_ROWS = 6  # of pictures to look at
HEADINGS = "from the codes", "bicubic", "refined", "truth"


def measure(setup: Setup) -> Findings:
    """Refined pictures of held-out scenes beside bicubic enlargements of what the codec gives back; none without a
    refiner."""
    from unitok_detokenizers.refiner import enlarge  # only here: slow to import

    codec, refiner = Codec.of(setup), setup.model.refiner
    quality: dict[str, list[Tensor]] = {"refined": [], "bicubic": []}
    sharp: dict[str, list[Tensor]] = {"refined": [], "bicubic": []}
    same: list[bool] = []
    looks: list[str] = []
    rows = []
    for start in tqdm(range(0, setup.samples, setup.batch_size), desc="refiner", unit="batch", file=sys.stderr):
        numbers = range(start, min(setup.samples, start + setup.batch_size))
        names, given, wanted = zip(*(_draw(setup, n) for n in numbers), strict=True)
        looks += names
        decoded, truth = codec.through(torch.stack(given))[1], torch.stack(wanted)
        seeds = [torch.Generator().manual_seed(setup.draw_seed("refiner", n)) for n in numbers]
        refined: Tensor = refiner(decoded, STEPS, seeds, "pt", return_dict=False)[0].cpu()
        bicubic = enlarge(decoded)
        for name, pictures in (("refined", refined), ("bicubic", bicubic)):
            quality[name].append(psnr(truth, pictures))
            sharp[name].append(sharpness(pictures, truth))
        before, after = ([read(np.asarray(to_pil(one))) for one in pictures] for pictures in (decoded, refined))
        same += [same_scene(a, b) for a, b in zip(before, after, strict=True)]
        if len(rows) < MOST_ROWS:
            large = decoded.repeat_interleave(2, -1).repeat_interleave(2, -2)
            rows += [tuple(map(to_pil, row)) for row in zip(large, bicubic, refined, truth, strict=True)]
    figures = [
        *_gains(looks, torch.cat(quality["refined"]), torch.cat(quality["bicubic"])),
        _sharpness(torch.cat(sharp["refined"]), torch.cat(sharp["bicubic"])),
        *_same_scenes(looks, same),
        _seconds(setup, decoded[:1]),
    ]
    return Findings(figures, pictures=rows[:MOST_ROWS], headings=HEADINGS)


def _gains(looks: list[str], refined: Tensor, bicubic: Tensor) -> Iterator[Figure]:
    """PSNR ``[B]`` above bicubic's, of all pictures and of each look."""
    for look in (None, *dict.fromkeys(looks)):
        chosen = torch.tensor([look in (None, one) for one in looks])
        one, other = refined[chosen].mean().item(), bicubic[chosen].mean().item()
        name, target = ("PSNR above bicubic", GAIN_TARGET) if look is None else (f"PSNR above bicubic, {look}", None)
        note = f"{one:.1f} dB, bicubic {other:.1f}"
        yield Figure("refiner", name, one - other, "dB", target, count=int(chosen.sum()), note=note)


def _same_scenes(looks: list[str], same: list[bool]) -> Iterator[Figure]:
    """Whether the oracle reads what it read before refining, in all pictures and in those of each look."""
    name = "the oracle reads the same scene"
    yield share("refiner", name, same, SAME_SCENE_TARGET)
    for look in dict.fromkeys(looks):
        yield share("refiner", f"{name}, {look}", [one for one, its in zip(same, looks, strict=True) if its == look])


def _sharpness(refined: Tensor, bicubic: Tensor) -> Figure:
    value, note = refined.mean().item(), f"bicubic {bicubic.mean().item():.2f}"
    target, most = SHARPNESS_TARGET, SHARPNESS_MOST
    return Figure("refiner", "edge sharpness", value, target=target, most=most, count=len(refined), note=note)


def _draw(setup: Setup, index: int) -> tuple[str, Tensor, Tensor]:
    """The look of a held-out scene, the scene as it is given to the codec, and as it should look at double size."""
    rng = setup.rng("refiner", index)
    look, style = setup.look(rng, index)
    scene = sample_scene(rng)
    large = render(scene, 2 * setup.size, style.sharpened())
    return look, to_tensor(render(scene, setup.size, style)), to_tensor(large)


def _seconds(setup: Setup, picture: Tensor) -> Figure:
    """What one picture takes, once everything is warm."""
    seconds = []
    for index in range(ROUNDS + 1):
        started = time.perf_counter()
        generators = [torch.Generator().manual_seed(index)]
        refined = setup.model.refiner(picture, STEPS, generators, "pt", return_dict=False)
        refined[0].cpu()  # an accelerator has not worked it out before
        seconds.append(time.perf_counter() - started)
    note = f"median; {torch.get_num_threads()} threads, {STEPS} steps"
    value = statistics.median(seconds[1:])
    return Figure("refiner", "a picture, warm, batch 1", value, "s", SECONDS_TARGET, True, count=ROUNDS, note=note)
