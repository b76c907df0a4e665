"""The promise "add a file, edit none": made-up variants of the families, from raw files to an edited, converted motion.

The files lie in a temporary folder of each family's package path. One process prepares a data set, trains two steps of
each stage and an evaluator, generates, edits, evaluates and converts with them, through the commands that a user has;
it runs apart, so that no other test sees the variants.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MADE: dict[str, str] = {}
"""Package below kinescale -> source of its made-up variant."""

MADE["skeletons"] = '''"""made_up: the joints of humanml22 under other names, a tenth larger."""
from kinescale.skeletons import humanml22
from kinescale.skeletons.base import Skeleton

_S = humanml22.SKELETON
SKELETON = Skeleton(
    name="made_up",
    joints=tuple(f"my_{joint}" for joint in _S.joints),
    parents=_S.parents,
    offsets=_S.offsets * 1.1,
    roles={role: f"my_{joint}" for role, joint in _S.roles.items()},
)
'''

MADE["formats"] = '''"""made_up: a motion as the native archive under a suffix of its own."""
import shutil
import tempfile
from pathlib import Path
from kinescale.formats import npz

SUFFIXES = (".made",)
HOLDS_META = True

def read(path):
    with tempfile.TemporaryDirectory() as folder:
        return npz.read(shutil.copy(path, Path(folder) / "motion.npz"))

def write(motion, path):
    with tempfile.TemporaryDirectory() as folder:
        npz.write(motion, Path(folder) / "motion.npz")
        shutil.copy(Path(folder) / "motion.npz", path)
'''

MADE["data.datasets"] = '''"""made_up: motions in the made-up format, named for what they show."""
from kinescale.data.datasets.base import License, RawClip, need
from kinescale.formats import read_motion

LICENSE = License(name="CC0 1.0", url="https://example.org", attribution="Made up.", commercial_use=True)

def find(folder):
    return need([
        RawClip(id=f"made_up/{file.stem}", corpus="made_up", files=(file,), action=file.stem.split("_")[0],
                captions=(f"a person does {file.stem.split('_')[0]}",),
                split="val" if file.stem.endswith("0") else "train", held_by="take")
        for file in sorted(folder.glob("*.made"))
    ], folder, "files such as walk_1.made")

def load(clip):
    return read_motion(clip.files[0])
'''

MADE["features"] = '''"""made_up: features of rotations without velocities, on the made-up skeleton."""
import torch
from kinescale.features.rotations import Config as Base, Rotations

class Config(Base):
    skeleton: str = "made_up"

class MadeUp(Rotations):
    def __init__(self, config):
        super().__init__(config)
        self.whole = dict(self.blocks)
        start, self.blocks = 0, {}
        for name, block in self.whole.items():
            if name != "velocities":
                self.blocks[name] = slice(start, start + block.stop - block.start)
                start = self.blocks[name].stop

    def _narrow(self, features):
        return torch.cat([features[..., block] for name, block in self.whole.items() if name != "velocities"], -1)

    def _wide(self, features):
        still = features.new_zeros(*features.shape[:-1], 3 * len(self.skeleton))
        parts = [still if name == "velocities" else features[..., self.blocks[name]] for name in self.whole]
        return torch.cat(parts, -1)

    def from_motion(self, motion):
        return self._narrow(super().from_motion(motion))

    def to_motion(self, features):
        return _whole(self).to_motion(self._wide(features))

    def positions(self, features):
        return _whole(self).positions(self._wide(features))

    def kinematics(self, features):
        return _whole(self).kinematics(self._wide(features))

def _whole(feature):
    return Rotations(feature.config)

def build(config):
    return MadeUp(config)
'''

MADE["text"] = '''"""made_up: hashed words, half as loud."""
from kinescale.text import hashed
from kinescale.tokens import TextFeatures

class Config(hashed.Config):
    pass

class TextEncoder(hashed.TextEncoder):
    def encode(self, sentences):
        found = super().encode(sentences)
        return TextFeatures(found.tokens * 0.5, found.mask)
'''

MADE["quantizers"] = '''"""made_up: the signs of a few numbers as one code, between two linear maps."""
import torch
from torch import nn
from kinescale.core.records import Record
from kinescale.quantizers import base
from kinescale.tokens.token_map import PADDING

class Config(Record):
    width: int = 8
    signs: int = 4

class Quantizer(base.Quantizer):
    needs_gain = True

    def __init__(self, config):
        super().__init__()
        self.config, self.width, self.vocabulary = config, config.width, 2**config.signs
        self.inward, self.outward = nn.Linear(config.width, config.signs), nn.Linear(config.signs, config.width)
        self.register_buffer("worth", 2 ** torch.arange(config.signs), persistent=False)

    def indices(self, vectors):
        return ((self.inward(vectors) > 0).long() * self.worth).sum(-1)

    def dequantize(self, tokens):
        signs = (tokens.clamp(min=0)[..., None] // self.worth % 2) * 2.0 - 1.0
        return self.outward(signs) * (tokens != PADDING)[..., None]
'''

MADE["tokenizers"] = '''"""made_up: the network of moscale under a name of its own."""
from kinescale.tokenizers import moscale

class Config(moscale.Config):
    pass

class Tokenizer(moscale.Tokenizer):
    pass
'''

MADE["generators"] = '''"""made_up: the same logits, from the mean of the text, at every position."""
from torch import nn
from torch.nn import functional
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.tokens import TextFeatures

SAMPLER = "made_up"

class Config(Record):
    vocabulary: int = 32
    text_width: int = 16

class Generator(base.Generator):
    token_kind = "codes"

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.head = nn.Linear(config.text_width, config.vocabulary)

    def unconditional(self, text):
        return TextFeatures(text.tokens * 0.0, text.mask)

    def begin(self, text, layout, latent_lengths):
        return self.head(text.tokens.mean(1))

    def training_loss(self, codec, latent, lengths, text, rng):
        labels = codec.quantize_scale(latent, 0, codec.layout(), lengths // codec.layout().stride)
        return base.StepLoss(functional.cross_entropy(self.head(text.tokens.mean(1)), labels.flatten(1)[:, 0]))
'''

MADE["samplers"] = '''"""made_up: one state for all scales, no guidance and no steps."""
from functools import partial
import torch
from pydantic import Field
from kinescale.samplers.base import SamplerConfig, SamplerOutput, sample_clips
from kinescale.samplers.base.logits import draw, filtered_probabilities, uniform_numbers
from kinescale.tokens import TokenMap
from kinescale.tokens.token_map import PADDING

class Config(SamplerConfig):
    temperature: float = Field(default=1.0, gt=0.0)

@torch.no_grad()
def sample(request, config):
    return sample_clips(partial(_steps, config=config), request)

def _steps(request, config):
    layout, running = request.layout, request.codec.empty(request.layout, len(request.latent_lengths))
    chances = filtered_probabilities(request.generator.begin(request.text, layout, request.latent_lengths), 1.0)
    rows = []
    for scale in range(len(layout.scales)):
        valid = layout.valid(request.latent_lengths, scale)
        row = draw(chances[:, None, None].expand(*valid.shape, -1), uniform_numbers(valid, request.rngs))
        if request.keep is not None:
            row = torch.where(request.keep.given[scale], request.keep.tokens[scale], row)
        rows.append(row.masked_fill(~valid, PADDING))
        running = running + request.codec.contribution(rows[-1], scale, layout)
        yield scale, rows[-1], running
    return SamplerOutput(TokenMap(layout, request.latent_lengths, tuple(rows)), running)
'''

MADE["metrics"] = '''"""made_up: how high the highest joint gets, in centimeters."""
INPUT, TITLE, UNIT, BETTER = "motion", "highest joint", "cm", "as real"

def measure(motion):
    return 100.0 * float(motion.positions()[..., 1].max())
'''

MADE["evaluators"] = '''"""made_up: the network of tmr under a name of its own."""
from kinescale.evaluators import tmr

class Config(tmr.Config):
    pass

class Evaluator(tmr.Evaluator):
    pass
'''

MADE["recipes"] = '''"""made_up: a run of the made-up parts, and one of the made-up evaluator."""
from kinescale.evaluators import made_up as evaluator
from kinescale.features import made_up as feature
from kinescale.generators import made_up as generator
from kinescale.recipes.base import DEBUG
from kinescale.text import made_up as text
from kinescale.tokenizers import made_up as tokenizer
from kinescale.training.config import RunConfig
from kinescale.training.evaluator_config import EvaluatorRunConfig

STAGE = DEBUG.but(steps=2)

def system():
    return RunConfig(
        name="made_up.system",
        feature=feature.Config(),
        tokenizer=tokenizer.Config(
            width=16, code_dim=8, codes=16, blocks=1, heads=2, ffn_ratio=2, max_frames=64, scales=(4, 2, 1),
            mask_padding=True, explicit_blocks=("rotations", "positions"),
            quantizer="made_up", quantizer_config={"signs": 5},
        ),
        generator=generator.Config(),
        text=text.Config(width=16, max_tokens=16),
        tokenizer_training=STAGE,
        generator_training=STAGE,
        length_training=STAGE,
        workers=1,
    )

def judge():
    return EvaluatorRunConfig(
        name="made_up.judge",
        feature=feature.Config(),
        text=text.Config(width=16, max_tokens=16),
        evaluator=evaluator.Config(
            width=16, heads=2, motion_layers=1, text_layers=1, ratio=2, embedding=16, max_frames=64
        ),
        evaluator_training=STAGE,
        workers=1,
    )
'''

DRIVER = """
import contextlib, importlib, io, json, pathlib, sys, torch
folder, made = pathlib.Path(sys.argv[1]), json.loads(sys.stdin.read())
for name, source in made.items():
    package, place = importlib.import_module(f"kinescale.{name}"), folder / name
    place.mkdir()
    (place / "made_up.py").write_text(source)
    package.__path__.append(str(place))
    package.__spec__.submodule_search_locations = list(package.__path__)
importlib.invalidate_caches()

from kinescale import formats, skeletons
from kinescale.cli.main import main
from kinescale.motion import Motion

bones = skeletons.get("made_up")
def clip(seed, frames=60):
    rng = torch.Generator().manual_seed(seed)
    turns = torch.randn(frames, len(bones), 3, generator=rng).cumsum(0) * 0.004
    rotations = torch.cat([turns, torch.ones(frames, len(bones), 1)], -1)
    root = torch.randn(frames, 3, generator=rng).cumsum(0) * 0.01 + torch.tensor([0.0, 1.0, 0.0])
    return Motion(bones, 30.0, root, rotations / rotations.norm(dim=-1, keepdim=True))

raw, data, run, judge = (folder / name for name in ("raw", "data", "run", "judge"))
raw.mkdir()
for number in range(8):
    formats.write_motion(clip(number), raw / f"{'walk' if number % 2 else 'wave'}_{number % 4}{number // 4}.made")

found = {}
def command(name, *argv):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main([str(word) for word in argv])
        except BaseException as problem:
            code = f"{type(problem).__name__}: {problem}"
    found[name] = [code, said.getvalue()[-2000:]]

bundle = ["--bundle", run / "bundle"]
command("prepare", "prepare", "made-up", raw, "--out", data, "--skeleton", "made_up", "--workers", "1")
command("train", "train", "made-up.system", "--data", data, "--run", run, "--device", "cpu")
command("generate", "generate", "a person walks", *bundle, "-o", folder / "out.made", "--seconds", "1", "--seed", "1")
command("guided", "generate", "a person walks", *bundle, "-o", folder / "no.made", "--guidance-scale", "2")
command("edit", "edit", folder / "out.made", "--prompt", "a person waves", "--range", "0.3:0.7", *bundle,
        "-o", folder / "edited.made")
command("inpaint", "edit", folder / "out.made", "--inpaint", "--range", "0.3:0.7", *bundle,
        "-o", folder / "inpainted.made")
command("convert", "convert", folder / "out.made", "-o", folder / "out.bvh")
command("back", "convert", folder / "out.bvh", "-o", folder / "back.made")
command("judge", "train", "made-up.judge", "--data", data, "--run", judge, "--device", "cpu")
command("evaluate", "evaluate", run, "--data", data, "--split", "val", "--sections", "motions", "--evaluator", judge,
        "--pool", "2", "--repeats", "1", "-o", folder / "report", "--json")
made = {name: folder / f"{name}.made" for name in ("out", "edited", "inpainted", "back")}
made = {name: file for name, file in made.items() if file.is_file()}
motions = {name: formats.read_motion(file) for name, file in made.items()}
report = folder / "report" / "report.md"
found["report"] = [line for line in report.read_text().splitlines() if "highest joint" in line]
found["motions"] = {name: [len(motion), motion.skeleton.name] for name, motion in motions.items()}
print(json.dumps(found))
"""

WORKS = ("prepare", "train", "generate", "edit", "inpaint", "convert", "back", "judge", "evaluate")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """Exit code and output of every command of the process with the made-up variants."""
    command = [sys.executable, "-c", DRIVER, str(tmp_path_factory.mktemp("promise"))]
    done = subprocess.run(command, input=json.dumps(MADE), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", WORKS)
def test_a_command_works_with_the_made_up_variants(name: str, found: dict[str, list]) -> None:
    code, said = found[name]
    assert code == 0, said


def test_motions_made_with_them_are_on_the_made_up_skeleton(found: dict[str, list]) -> None:
    assert found["motions"]["out"] == found["motions"]["edited"] == [30, "made_up"]
    assert found["motions"]["back"][0] == 30


def test_the_made_up_metric_is_a_column_of_the_report(found: dict[str, list]) -> None:
    assert found["report"] and all("highest joint cm →" in line for line in found["report"]), found["report"]


def test_guidance_that_the_sampler_lacks_is_answered_in_one_sentence(found: dict[str, list]) -> None:
    code, said = found["guided"]
    assert code == 2 and said.count("\n") == 1 and "--guidance-scale" in said and "made_up" in said, said
