"""The refiner: a pipeline in the manner of diffusers, a component of a checkpoint, an option of the command line."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from PIL import Image as PILImage
from torch.utils.data import DataLoader

from unitok.checkpoint import load
from unitok.document import Document
from unitok.evaluation.metrics import psnr, sharpness
from unitok.evaluation.refining import measure
from unitok.evaluation.setup import Setup
from unitok.generate import main
from unitok.model import UniTok
from unitok.training.optimizers import ScheduleConfig
from unitok.training.refiner import RefinerConfig, RefinerModule
from unitok.training.refiner_data import PairPool, RefinerPairs
from unitok_detokenizers.refiner import CRISPNESS, DETAIL, LEEWAY, RefinerPipeline, enlarge, keep, load_refiner
from unitok_tokenizers.errors import InputError


@pytest.fixture(scope="module")
def refiner() -> Any:
    torch.manual_seed(0)
    unet = RefinerConfig([8, 16, 16], 1, 4).build()
    torch.nn.init.normal_(unet.conv_out.weight, std=0.1)  # or it would add nothing
    pipeline = RefinerPipeline(unet, FlowMatchEulerDiscreteScheduler())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def folder(refiner: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refiner") / "refiner"
    refiner.save_pretrained(path)
    return path


def pictures(count: int, width: int = 16, height: int = 16) -> list[PILImage.Image]:
    rng = np.random.default_rng(0)
    return [PILImage.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)) for _ in range(count)]


def seeds(*numbers: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(number) for number in numbers]


def test_threads_do_not_share_a_flow(refiner: Any) -> None:
    """Calls that are interleaved step by step."""
    turn = threading.Barrier(2, timeout=30)

    def wait(pipeline: Any, step: int, timestep: Any, tensors: Any) -> dict[str, Any]:
        turn.wait()
        return {}

    def refine(number: int) -> torch.Tensor:
        return refiner(pictures(1), 3, seeds(number), "pt", callback_on_step_end=wait).images

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(refine, range(2)))
    for number, together in enumerate(both):
        assert torch.equal(together, refiner(pictures(1), 3, seeds(number), "pt").images)


def test_pictures_come_out_at_twice_the_size(refiner: Any) -> None:
    for width, height in ((16, 16), (13, 9), (5, 22)):  # of which not all are whole to the network
        images: Any = refiner(pictures(2, width, height), generator=seeds(0, 1)).images
        assert [image.size for image in images] == [(2 * width, 2 * height)] * 2
    one: Any = refiner(pictures(1)[0], return_dict=False)
    assert isinstance(one, tuple) and one[0][0].mode == "RGB"


def test_the_forms_of_the_output_agree(refiner: Any) -> None:
    as_tensor: Any = refiner(pictures(1), generator=seeds(3), output_type="pt").images
    as_array: Any = refiner(pictures(1), generator=seeds(3), output_type="np").images
    as_picture: Any = refiner(pictures(1), generator=seeds(3)).images
    assert as_tensor.shape == (1, 3, 32, 32) and as_array.shape == (1, 32, 32, 3)
    assert np.allclose((as_tensor[0].permute(1, 2, 0).numpy() + 1) / 2, as_array[0], atol=1e-6)
    assert np.abs(np.asarray(as_picture[0]) / 255 - as_array[0]).max() < 0.003


def test_a_picture_depends_on_its_own_seed_alone(refiner: Any) -> None:
    both: Any = refiner(pictures(2), generator=seeds(7, 8), output_type="pt").images
    alone: Any = refiner(pictures(2)[1], generator=seeds(8), output_type="pt").images
    other: Any = refiner(pictures(2)[1], generator=seeds(9), output_type="pt").images
    assert torch.allclose(both[1], alone[0], atol=1e-5)
    assert not torch.allclose(other[0], alone[0], atol=1e-2)


def test_it_follows_the_flow(refiner: Any) -> None:
    """A network that knows the picture leads from any noise to it, in any number of steps."""
    truth = torch.rand(1, 3, 32, 32) * 2 - 1
    given = torch.nn.functional.avg_pool2d(truth, 2)
    expected = keep(enlarge(given).lerp(truth, CRISPNESS), given).clamp(-1, 1)

    class Knowing(torch.nn.Module):
        dtype, device, config = torch.float32, torch.device("cpu"), refiner.unet.config

        def forward(self, given: torch.Tensor, timestep: torch.Tensor) -> Any:
            return type("Output", (), {"sample": (truth - given[:, 3:]) / DETAIL})

    for scheduler in (
        FlowMatchEulerDiscreteScheduler(),
        UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
        DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
    ):
        for steps in (1, 2, 4, 9):
            if steps == 1 and not isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
                continue
            pipeline: Any = RefinerPipeline(refiner.unet, scheduler)  # type: ignore[arg-type]
            pipeline.unet = Knowing()
            pipeline.set_progress_bar_config(disable=True)
            found: Any = pipeline(given, steps, seeds(0), "pt").images
            assert torch.allclose(found, expected, atol=2e-2), (type(scheduler).__name__, steps)


def test_one_that_has_learned_nothing_enlarges() -> None:
    pipeline: Any = RefinerPipeline(RefinerConfig([8, 16], 1, 4).build(), FlowMatchEulerDiscreteScheduler())
    pipeline.set_progress_bar_config(disable=True)
    given = torch.rand(2, 3, 10, 14) - 0.5
    expected = keep(enlarge(given), given).clamp(-1, 1)
    assert torch.allclose(pipeline(given, 3, seeds(0, 1), "pt").images, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (7, 9)])
def test_four_pixels_have_about_the_mean_of_the_one_that_they_come_from(refiner: Any, size: tuple[int, int]) -> None:
    """By a share of the contrast around it; exactly where there is none."""
    given = 0.4 * torch.rand(2, 3, *size) - 0.2  # far from what is cut off
    given[:, :, :5, :5] = 0.1
    found: Any = refiner(given, generator=seeds(0, 1), output_type="pt").images
    assert found.shape == (2, 3, 2 * size[0], 2 * size[1]) and found.abs().max() < 1
    change = (torch.nn.functional.avg_pool2d(found, 2) - given).abs()
    assert change[:, :, :4, :4].max() < 1e-5 < change.max() <= LEEWAY * 0.4
    assert not torch.allclose(found, keep(enlarge(given), given), atol=1e-3)


def test_a_picture_that_keeps_to_the_given_one_stays_as_it_is() -> None:
    given = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    detail = torch.tensor([[0.1, -0.1], [-0.1, 0.1]]).repeat(6, 6)
    picture = given.repeat_interleave(2, -1).repeat_interleave(2, -2) + detail
    assert torch.allclose(keep(picture, given), picture, atol=1e-6)


def test_each_step_is_told(refiner: Any) -> None:
    seen = []

    def at_step_end(
        pipeline: RefinerPipeline, step: int, timestep: torch.Tensor, values: dict[str, Any]
    ) -> dict[str, Any]:
        seen.append((step, float(timestep)))
        return {"latents": torch.zeros_like(values["latents"])} if step == 2 else {}

    given = torch.rand(1, 3, 16, 16) * 2 - 1
    found: Any = refiner(given, 3, output_type="pt", callback_on_step_end=at_step_end).images
    assert [step for step, _ in seen] == [0, 1, 2] and seen[0][1] == 1000
    assert torch.allclose(found, keep((1 - CRISPNESS) * enlarge(given), given).clamp(-1, 1), atol=1e-6)


def test_it_is_saved_as_diffusers_saves(refiner: Any, folder: Path) -> None:
    assert (folder / "model_index.json").is_file() and (folder / "unet/diffusion_pytorch_model.safetensors").is_file()
    again: Any = load_refiner(folder)
    a, b = (one(pictures(1), generator=seeds(1), output_type="pt").images for one in (refiner, again))
    assert torch.allclose(a, b, atol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"output_type": "jpg"}, "output_type"),
        ({"image": []}, "one size"),
        ({"image": [*pictures(1), *pictures(1, 8)]}, "one size"),
        ({"image": torch.zeros(3, 8, 8)}, r"\[B, 3, H, W\]"),
    ],
)
def test_bad_arguments_are_named(refiner: Any, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        refiner(**{"image": pictures(1), **arguments})


def test_damaged_folders_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model_index\.json"):
        load_refiner(tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="can be read"):
        load_refiner(tmp_path)
    for broken in ("{", "[]", json.dumps(index | {"unet": ["mine", "UNet"]})):  # a class that lies beside it
        (tmp_path / "model_index.json").write_text(broken)
        with pytest.raises(InputError, match=r"model_index\.json (cannot be read|is no refiner's: its unet)"):
            load_refiner(tmp_path)


# ---- in a model


@pytest.fixture
def model(tiny_model: UniTok, folder: Path) -> UniTok:
    return UniTok(tiny_model.processor, tiny_model.decoder, refiner=folder)


def test_a_model_refines_what_it_draws(model: UniTok) -> None:
    documents = [Document.user("draw two green stars"), Document.user("a red star")]
    plain = model.generate(documents, "image", num=2, seed=4)
    refined = model.generate(documents, "image", num=2, seed=4, refine=True, refine_steps=2)
    for a, b in zip(plain, refined, strict=True):
        (before,), (after,) = a.turns[-1].images, b.turns[-1].images
        assert before.image is not None and after.image is not None
        assert after.image.size == (2 * before.image.width, 2 * before.image.height)
        assert torch.equal(before.codes, after.codes)  # type: ignore[arg-type]
    (alone,) = model.generate(documents[1], "image", seed=5, refine=True, refine_steps=2)
    difference = np.asarray(alone.turns[-1].images[0].image, int) - np.asarray(
        refined[3].turns[-1].images[0].image, int
    )
    assert np.abs(difference).max() <= 1


def test_a_conversation_goes_on_behind_a_refined_picture(model: UniTok) -> None:
    (first,) = model.generate(Document.user("draw"), "image", seed=4, refine=True, refine_steps=1)
    (second,) = model.generate(first.ask("now a star"), "image", seed=5, refine=True, refine_steps=1)
    assert torch.equal(second.turns[1].images[0].codes, first.turns[1].images[0].codes)  # type: ignore[arg-type]


def test_a_checkpoint_keeps_its_refiner(model: UniTok, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    manifest = json.loads((tmp_path / "model/unitok.json").read_text())
    assert manifest["components"]["refiner"] == {"class": "RefinerPipeline"}
    assert any(name.startswith("refiner/unet/") for name in manifest["weights"])
    again = UniTok.from_pretrained(tmp_path / "model")
    a, b = (one.generate(Document.user("draw"), "image", refine=True, refine_steps=1) for one in (model, again))
    assert a == b
    again.save_pretrained(tmp_path / "model")  # over itself
    assert load(tmp_path / "model").refiner == tmp_path / "model/refiner"
    weights = next((tmp_path / "model/refiner").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged"):
        load(tmp_path / "model")


def test_without_a_refiner_nothing_is_begun(tiny_model: UniTok, model: UniTok) -> None:
    with pytest.raises(InputError, match="has no refiner"):
        tiny_model.generate(Document.user("draw"), "image", refine=True)
    with pytest.raises(InputError, match="refine_steps"):
        model.generate(Document.user("draw"), "image", refine=True, refine_steps=0)


def test_the_command_line(model: UniTok, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.save_pretrained(tmp_path / "model")
    argv = ["--model", str(tmp_path / "model"), "--output", str(tmp_path / "out"), "--modality", "image", "--json"]
    assert main([*argv, "--prompt", "a star", "--refine", "--refine-steps", "1"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["answers"][0]["images"]
    assert PILImage.open(file).size == (32, 32)
    assert main([*argv, "--prompt", "a star", "--refine-steps", "0"]) == 2
    assert main(["--chat", "--refine"]) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_the_evaluation_measures_it(model: UniTok) -> None:
    findings = measure(Setup(model, "tiny", samples=3, batch_size=2))
    looks = "", ", canonical look", ", other looks"
    gains = [f"PSNR above bicubic{look}" for look in looks]
    same = [f"the oracle reads the same scene{look}" for look in looks]
    names = [*gains, "edge sharpness", *same, "a picture, warm, batch 1"]
    assert [figure.name for figure in findings.figures] == names
    overall, canonical, other = (figure.value or 0.0 for figure in findings.figures[:3])
    assert overall == pytest.approx((2 * canonical + other) / 3, abs=1e-4) and overall != 0
    assert [[picture.size for picture in row] for row in findings.pictures] == [[(32, 32)] * 4] * 3


# ---- training


def test_pairs_are_cut_in_the_same_place() -> None:
    small = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    pool = PairPool((small.repeat(2, axis=1).repeat(2, axis=2), small), crop=5)
    torch.manual_seed(0)
    for index in range(3):
        large, piece = pool[index]
        assert piece.shape == (3, 5, 5) and large.shape == (3, 10, 10)
        assert torch.equal(large[:, ::2, ::2], piece)


def test_the_figures_know_what_is_sharp() -> None:
    truth = torch.zeros(1, 3, 16, 16)
    truth[..., 4:12, 4:12] = 1.0
    blurred = enlarge(torch.nn.functional.avg_pool2d(truth, 2))
    assert float(sharpness(truth, truth)) == 1 and float(sharpness(blurred, truth)) < 0.9
    assert float(psnr(blurred, truth)) < 40 < float(psnr(truth, truth))


def test_pictures_of_parts_of_codes_are_refused() -> None:
    with pytest.raises(InputError, match=r"data\.size 16 is not a multiple of the 10 pixels"):
        RefinerPairs("tiny", size=16, crop=8).setup("fit")


def test_pairs_come_in_batches() -> None:
    data = RefinerPairs("tiny", size=20, scenes=6, textures=2, crop=8, validation=2, batch_size=4)
    data.setup("fit")
    large, small = next(iter(data.train_dataloader()))
    assert large.shape == (4, 3, 16, 16) and small.shape == (4, 3, 8, 8)


def test_pieces_that_the_network_cannot_halve_are_refused() -> None:
    module = RefinerModule(RefinerConfig([8, 16, 16], 1, 4))
    with pytest.raises(InputError, match=r"data\.crop: .* 18 pixels, are not multiples of 4"):
        module.training_step((torch.zeros(1, 3, 18, 18), torch.zeros(1, 3, 9, 9)), 0)


def test_a_step_learns() -> None:
    torch.manual_seed(0)
    large = torch.tensor([0.8, -0.8, -0.8, 0.8]).repeat(4).expand(4, 3, 16, 16)
    small = torch.nn.functional.avg_pool2d(large, 2)  # says nothing of the stripes
    module = RefinerModule(RefinerConfig([8, 16], 1, 4))
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        torch.manual_seed(step % 4)
        loss = module.training_step((large, small), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-8:]) < 0.3 * sum(losses[:8])


def fit(module: RefinerModule, folder: Path, **options: Any) -> None:
    def pair(small: list[Any]) -> tuple[Any, Any]:
        return enlarge(torch.stack(small)), torch.stack(small)

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "devices": 1}
    trainer = L.Trainer(accelerator="cpu", default_root_dir=folder, enable_model_summary=False, **quiet, **options)  # type: ignore[arg-type]
    trainer.fit(module, DataLoader(torch.rand(8, 3, 8, 8), collate_fn=pair))  # type: ignore[arg-type]


def test_the_last_steps_are_exported_and_a_schedule_needs_an_end(tmp_path: Path) -> None:
    module = RefinerModule(RefinerConfig([8, 16], 1, 4), export=str(tmp_path / "export"))
    fit(module, tmp_path, max_steps=3)
    again = RefinerModule(RefinerConfig([8, 16], 1, 4), init_from=str(tmp_path / "export"))
    for one, other in zip(module.unet.parameters(), again.unet.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match=r"needs trainer\.max_steps"):
        fit(RefinerModule(RefinerConfig([8, 16], 1, 4)), tmp_path, max_epochs=1)
    ends = ScheduleConfig(total_steps=5)
    fit(RefinerModule(RefinerConfig([8, 16], 1, 4), schedule=ends), tmp_path, max_epochs=1)


def test_several_devices_are_refused(tmp_path: Path) -> None:
    module = RefinerModule(RefinerConfig([8, 16], 1, 4))
    module.trainer = SimpleNamespace(world_size=2)  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"the trainer has 2; give --trainer\.devices 1"):
        module.on_fit_start()


def test_no_held_out_pairs_and_too_few_to_train_on() -> None:
    data = RefinerPairs("tiny", size=20, scenes=6, textures=0, crop=8, validation=0, batch_size=8)
    data.setup("fit")
    assert len(data.val_dataloader()) == 0
    with pytest.raises(InputError, match=r"data\.batch_size is 8, but there are 6 to train on"):
        data.train_dataloader()


def test_training_goes_on_from_an_exported_refiner(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = RefinerModule(RefinerConfig([8, 16], 1, 4), export=str(tmp_path), export_dtype="float16")
    with torch.no_grad():
        for parameter in first.unet.parameters():
            parameter.add_(torch.randn_like(parameter))
    first.trainer = SimpleNamespace(sanity_checking=False, state=SimpleNamespace(fn="fit"))  # type: ignore[assignment]
    first.on_validation_epoch_end()
    assert next(first.unet.parameters()).dtype == torch.float32
    second = RefinerModule(RefinerConfig([8, 16], 1, 4), init_from=str(tmp_path))
    for one, other in zip(first.unet.parameters(), second.unet.parameters(), strict=True):
        assert other.dtype == torch.float32 and torch.equal(one.half().float(), other)
    with pytest.raises(InputError, match=r"model\.init_from: .* has another network"):
        RefinerModule(RefinerConfig([8, 24], 1, 4), init_from=str(tmp_path))


def test_it_moves_with_its_model(model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[torch.device] = []
    monkeypatch.setattr(type(model.refiner), "to", lambda self, device: moved.append(device))
    model.to("cpu")
    assert moved == [torch.device("cpu")]


def test_testing_names_its_figures_and_writes_no_export(tmp_path: Path) -> None:
    model = RefinerModule(RefinerConfig([8, 16], 1, 4), export=str(tmp_path / "export"))
    data = RefinerPairs(size=20, scenes=4, textures=4, crop=None, validation=4, batch_size=4)
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path)
    (found,) = trainer.test(model, data)
    assert {"test/psnr", "test/gain", "test/sharpness"} <= set(found) and not (tmp_path / "export").exists()
