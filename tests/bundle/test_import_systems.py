"""kinescale import: files as the authors' trainers save them become bundles that every command takes."""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from authors_files import (
    MOMASK_HEADS,
    SCALEMOGEN,
    clip_folder,
    guo_states,
    momask_tokenizer,
    momask_transformers,
    mosa_states,
    moscale_states,
    published_folder,
    save,
    scalemogen_states,
    snapmogen_states,
    statistics,
    t5_folder,
    word_table,
)
from kinescale import TextToMotion, features, recipes
from kinescale.bundle import Bundle, Part
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.importing import import_system
from kinescale.bundle.imports import FAMILY
from kinescale.bundle.imports.base.checkpoint import read_content
from kinescale.bundle.manifest import License
from kinescale.cli.main import main
from kinescale.core.errors import BundleError, ConfigError, InputError
from kinescale.motion import Motion
from kinescale.pipelines import reconstruct


@dataclass(frozen=True)
class Published:
    """Files of one system, and what has to be given since no small size is published."""

    files: list[Path]
    given: dict[str, dict]
    text: str


SYSTEMS = ("moscale", "mosa", "scalemogen", "momask")
EVALUATORS = ("guo2022", "snapmogen_evaluator")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    folder = tmp_path_factory.mktemp("published")
    wide, snap = statistics(folder / "meta", 263), statistics(folder / "meta296", 296)
    books, network = moscale_states()
    made = {
        "moscale": Published(
            [save(folder / "m1.tar", vq_model=books), save(folder / "m2.tar", moscale=network), wide],
            {"generator": {"prefix_pool_heads": 1}}, "t5",
        ),
    }  # fmt: skip
    books, network = mosa_states()
    files = [save(folder / "a1.tar", vq_model=books), save(folder / "a2.tar", trans=network)]
    made["mosa"] = Published(
        [files[1], wide / "mean.npy", files[0], wide / "std.npy"], {"generator": {"heads": 3}}, "clip"
    )
    books, network = scalemogen_states()
    trainer = {"gpt_wo_ddp": network, "vae_local": books, "config": {"prog": 0}}
    torch.save({"trainer": trainer, "arch": "layer12", "iter": 4, "args": argparse.Namespace(lr=1)}, folder / "s.pth")
    made["scalemogen"] = Published([folder / "s.pth", wide], {}, "t5")
    parts = zip(("t2m_transformer", "res_transformer", "estimator"), momask_transformers(), strict=True)
    files = [save(folder / f"k_{key}.tar", **{key: state}) for key, state in parts]
    files.append(save(folder / "k.tar", vq_model=momask_tokenizer()))
    made["momask"] = Published([*files, wide], {"generator": {"heads": MOMASK_HEADS}}, "clip")
    made["guo2022"] = Published([save(folder / "finest.tar", **guo_states()), wide], {}, "words")
    made["snapmogen_evaluator"] = Published([save(folder / "e.tar", **snapmogen_states()), snap], {}, "t5")
    return made


def read(published: dict[str, Published], system: str, **options) -> Bundle | EvaluatorBundle:
    one = published[system]
    return import_system(system, one.files, given=one.given, **options)


def test_every_importer_says_what_it_reads() -> None:
    assert set(FAMILY.names()) == {*SYSTEMS, *EVALUATORS}
    for name in FAMILY.names():
        module = FAMILY.load(name)
        assert module.TITLE and module.TEXT_FIELD and callable(module.assemble)
        assert len({slot.part for slot in module.SLOTS}) == len(module.SLOTS)


@pytest.mark.parametrize(
    "system", [pytest.param(name, marks=() if name == "moscale" else pytest.mark.slow) for name in SYSTEMS]
)
def test_a_system_becomes_a_bundle_that_makes_motions(
    system: str, published: dict[str, Published], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = read(published, system, license="CC BY-NC 4.0")
    assert isinstance(made, Bundle) and made.generator is not None
    folder = made.save_pretrained(tmp_path / "bundle")
    loaded = Bundle.from_pretrained(folder)
    assert loaded.content_hash == made.content_hash and loaded.licenses[0].name == "CC BY-NC 4.0"
    files = {path.name for path in published[system].files if path.suffix in (".tar", ".pth")}
    assert {line.partition(": ")[2].split(" ")[0] for line in made.provenance.imported} == files
    assert main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "imported:" in said and "(as published)" in said and all(name in said for name in files)
    heard = replace(loaded, text=Part(name="hashed", config={"width": 16, "max_tokens": 7}))
    frames = loaded.stride * 4
    motion = TextToMotion(heard)("a person walks", frames / 20, seed=1).motions[0]
    assert len(motion) == frames and torch.isfinite(motion.positions()).all()
    assert "CC BY-NC 4.0" in motion.meta["license"]
    assert len(reconstruct(loaded, motion)) == frames - 1  # velocities need a frame more


def test_published_sampler_settings_are_those_of_the_recipes(published: dict[str, Published]) -> None:
    for system in SYSTEMS:
        made, recipe = read(published, system), recipes.get(f"{system}.humanml3d")
        assert isinstance(made, Bundle) and made.sampling is not None
        sampler, config = made.sampler()
        part = recipe.sampling or Part(name=made.sampling.name)
        assert config == type(config).parse(part.config, where="recipe")
        assert made.text is not None and recipe.text is not None and made.text.name == recipe.text.name
        known = {**recipe.text.config, "max_tokens": made.text.config["max_tokens"]}
        assert {name: made.text.config[name] for name in known} == known
        del sampler


@pytest.mark.parametrize("system", EVALUATORS)
def test_an_evaluator_becomes_a_folder(
    system: str, published: dict[str, Published], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = str(word_table(tmp_path / "words")) if system == "guo2022" else ""
    made = read(published, system, text=text, title="Evaluator")
    assert isinstance(made, EvaluatorBundle)
    folder = made.save_pretrained(tmp_path / "evaluator")
    loaded = EvaluatorBundle.from_pretrained(folder)
    assert loaded.content_hash == made.content_hash and loaded.title == "Evaluator"
    values, lengths = torch.randn(2, 44, made.feature.width), torch.tensor([44, 40])
    assert torch.equal(loaded.embed_features(values, lengths)[0], made.embed_features(values, lengths)[0])
    if text:
        assert loaded.text_encoder.tagged and loaded.embed_text(["a/DET person/NOUN walk/VERB"]).shape == (1, 8)
    assert main(["info", str(folder)]) == 0
    assert "kind: evaluator" in (said := capsys.readouterr().out) and "assumed:" in said


def test_what_no_file_tells_is_named_and_can_be_given(published: dict[str, Published]) -> None:
    one = published["mosa"]
    changed = {"generator": {"heads": 3}, "sampling": {"guidance_scale": 3.0}}
    made = import_system("mosa", one.files, given=changed, feature_bias=5.0)
    plain = read(published, "mosa")
    assert "sampling.guidance_scale is 3.0 (given)" in made.provenance.assumed
    assert "sampling.guidance_scale is 5.0 (as published)" in plain.provenance.assumed
    block = made.feature.blocks["contacts"]
    torch.testing.assert_close(made.normalizer.std[block] * 5, plain.normalizer.std[block])
    with pytest.raises(ConfigError, match="no part 'tokens'"):
        import_system("mosa", one.files, given={"tokens": {}})
    with pytest.raises(ConfigError, match="headz"):
        import_system("mosa", one.files, given={"generator": {"headz": 3}})


def test_wrong_and_partial_files_are_named_in_one_sentence(published: dict[str, Published], tmp_path: Path) -> None:
    files = {name: one.files for name, one in published.items()}
    tokenizer, generator, meta = files["moscale"]
    truncated = tmp_path / "cut.tar"
    truncated.write_bytes(tokenizer.read_bytes()[: tokenizer.stat().st_size // 2])
    other = tmp_path / "other.tar"
    torch.save({"weights": {"a": torch.zeros(2)}}, other)
    renamed = tmp_path / "renamed.tar"
    torch.save({"net": read_content(tokenizer).state("vq_model")}, renamed)
    empty = tmp_path / "empty"
    empty.mkdir()
    narrow = statistics(tmp_path / "narrow", 251)
    wrong = {
        (generator, meta): "holds the generator of MoScale.*not its tokenizer|hold the generator",
        (tokenizer, files["mosa"][0], meta): r"none is a part of MoScale.*the generator of MoSa.*, system 'mosa'",
        (truncated, meta): r"cut\.tar cannot be read",
        (other, meta): r"other\.tar holds weights",
        (renamed, meta): r"renamed\.tar holds net; none is a part of MoScale",
        (tokenizer, tokenizer, meta): "both hold the tokenizer",
        (tokenizer,): r"0 of the named files are mean\.npy",
        (tokenizer, empty): r"0 of the named files are mean\.npy",
        (tokenizer, generator, narrow): "251 numbers and the weights read 263",
        (meta,): "no checkpoint is named",
    }
    for given, message in wrong.items():
        with pytest.raises((BundleError, InputError), match=message) as caught:
            import_system("moscale", list(given), given=published["moscale"].given)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    momask = files["momask"]
    with pytest.raises(BundleError, match=r"masked transformer of MoMask.*not its residual transformer"):
        import_system("momask", [momask[0], momask[3], momask[4]])


def test_a_tokenizer_alone_reconstructs(published: dict[str, Published]) -> None:
    tokenizer, _, meta = published["moscale"].files
    made = import_system("moscale", [tokenizer, meta], given={"tokenizer": {"max_frames": 64}})
    assert isinstance(made, Bundle) and made.generator is None and made.max_frames == 64
    assert "tokenizer.max_frames is 64 (given)" in made.provenance.assumed


def test_hostile_files_cost_nothing(published: dict[str, Published], tmp_path: Path) -> None:
    tokenizer, generator, meta = published["moscale"].files
    state = read_content(tokenizer).state("vq_model")
    path = tmp_path / "hostile.tar"
    huge = torch.zeros(1).expand(2**20, 2**20, 3)
    cases = {
        "not stored whole": {**state, "encoder.embed.0.weight": huge},
        "tensors count up to": {**state, "encoder.attn_blocks.987654321.x": torch.zeros(1)},
        "has no place for": {**state, "encoder.res_blocks.9.0.weight": torch.zeros(1)},
    }
    for message, weights in cases.items():
        torch.save({"vq_model": weights}, path)
        with pytest.raises(BundleError, match=message):
            import_system("moscale", [path, meta])
    torch.save({"vq_model": state}, path)
    packed = tmp_path / "packed.tar"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as small:
        for entry in whole.infolist():
            small.writestr(entry.filename, whole.read(entry))
    with pytest.raises(BundleError, match="compressed members"):
        import_system("moscale", [packed, meta])
    assert generator.is_file()


@pytest.mark.parametrize(
    ("asked", "given"), [(bytearray, 10**15), (print, "executed"), (License, "a"), (torch.load, "a")]
)
def test_a_file_that_asks_for_anything_else_is_refused_before_it_is_made(
    asked: object, given: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Asking:
        def __reduce__(self):
            return (asked, (given,))

    torch.save({"vq_model": {"a": torch.zeros(1)}, "more": Asking()}, tmp_path / "x.tar")
    with pytest.raises(BundleError, match="which is not made"):
        read_content(tmp_path / "x.tar")
    assert "executed" not in capsys.readouterr().out


class Trainer(dict):
    """A trainer's settings, as a class of its own code."""

    def __init__(self, **settings: object) -> None:
        super().__init__(settings)
        self.steps = 3

    def __reduce__(self):
        return make_trainer, (str(Path.cwd() / "executed"),), {"steps": 3}


def make_trainer(path: str) -> Trainer:
    Path(path).touch()
    return Trainer()


def test_objects_of_a_trainers_own_classes_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(weights.parameters())
    weights(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    content = {"model": weights.state_dict(), "opt": optimizer.state_dict(), "scheduler": schedule.state_dict()}
    torch.save({**content, "args": argparse.Namespace(lr=1), "trainer": Trainer(a=1)}, "x.tar")
    found = read_content("x.tar")
    assert set(found.state("model")) == {"weight", "bias"} and not Path("executed").exists()
    assert torch.load("x.tar", weights_only=False)["trainer"].steps == 3 and Path("executed").exists()


def test_files_of_the_format_before_torch_1_6_are_read(published: dict[str, Published], tmp_path: Path) -> None:
    tokenizer, _, meta = published["moscale"].files
    state = read_content(tokenizer).state("vq_model")
    path = tmp_path / "old.tar"
    torch.save({"vq_model": state, "ep": 3}, path, _use_new_zipfile_serialization=False)
    one, two = import_system("moscale", [path, meta]), import_system("moscale", [tokenizer, meta])
    assert one.content_hash == two.content_hash


def test_the_command_says_what_it_read(
    published: dict[str, Published], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in published["momask"].files]
    out = tmp_path / "out"
    assert main(["import", "momask", *files, "-o", str(out), "--generator.heads", str(MOMASK_HEADS)]) == 0
    said = capsys.readouterr().out
    assert "read tokenizer: k.tar" in said and "assumed text.model is openai/clip-vit-base-patch32" in said
    assert main(["import", "momask", *files, "-o", str(out), "--generator.heads", str(MOMASK_HEADS)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["import", "momsk", *files, "-o", str(out)]) == 2
    assert "Did you mean 'momask'" in capsys.readouterr().err
    assert main(["import", "momask", "absent.tar", "-o", str(out)]) == 2
    assert "absent.tar" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_import_generate_edit_evaluate(
    system: str, published: dict[str, Published], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a text encoder's folder, through the command line, on data in the published layout."""
    pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")
    one, bundle = published[system], str(tmp_path / "bundle")
    text = t5_folder(tmp_path / "text") if one.text == "t5" else clip_folder(tmp_path / "text")
    given = [word for part, names in one.given.items() for name, value in names.items()
             for word in (f"--{part}.{name}", str(value))]  # fmt: skip
    files = [str(path) for path in one.files]
    assert main(["import", system, *files, "--text", str(text), "-o", bundle, *given]) == 0
    (tmp_path / "others").mkdir()
    source = published_folder(tmp_path / "others") / "HumanML3D"
    clip, data = str(tmp_path / "walk.npz"), str(tmp_path / "data")
    assert main(["generate", "a person walks", "-o", clip, "--bundle", bundle, "--seconds", "2"]) == 0
    edited = str(tmp_path / "edited.npz")
    region = ["--prompt", "someone", "--frames", "10:20", "--bundle", bundle]
    assert main(["edit", clip, *region, "-o", edited]) == 0
    assert main(["prepare", "humanml3d", str(source), "--out", data]) == 0
    guo, words = str(tmp_path / "guo"), str(word_table(tmp_path / "words"))
    assert main(["import", "guo2022", *map(str, published["guo2022"].files), "--text", words, "-o", guo]) == 0
    asked = ["--data", data, "--evaluator", guo, "--protocol", "humanml3d-2022", "--pool", "2", "--repeats", "1"]
    report = tmp_path / "report"
    assert main(["evaluate", bundle, *asked, "--sections", "motions", "-o", str(report)]) == 0
    assert "straight to the evaluator" in (report / "report.md").read_text(encoding="utf-8")
    capsys.readouterr()


@pytest.mark.slow
def test_snapmogen_from_files_to_its_table(published: dict[str, Published], tmp_path: Path) -> None:
    """ScaleMoGen's release for SnapMoGen with SnapMoGen's evaluator, on its layout; the last pool is a smaller one."""
    pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")
    import json

    import numpy as np

    sizes = replace(SCALEMOGEN, body="snap", frames=320, factors=(80, 40, 20, 10, 5, 2, 1), number=3)
    books, network = scalemogen_states(sizes)
    files = [save(tmp_path / "vq.tar", model=books), tmp_path / "p.pth", statistics(tmp_path / "meta", 296)]
    torch.save({"trainer": {"gpt_wo_ddp": network}, "arch": "layer12"}, files[1])
    text = t5_folder(tmp_path / "text")
    out, evaluator, data = (tmp_path / name for name in ("bundle", "evaluator", "data"))
    judge = published["snapmogen_evaluator"].files
    for system, given, target in (("scalemogen", files, out), ("snapmogen_evaluator", judge, evaluator)):
        assert main(["import", system, *map(str, given), "--text", str(text), "-o", str(target)]) == 0
    source = tmp_path / "SnapMoGen"
    (source / "renamed_feats").mkdir(parents=True)
    (source / "data_split_info").mkdir()
    ids = [f"take#{start}#{start + frames}" for start, frames in ((0, 130), (20, 137), (0, 200))]
    feature = features.FAMILY.get("snapmogen", "build")(features.FAMILY.get("snapmogen", "Config")())
    still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(401, len(feature.skeleton), 4)
    pose = Motion(feature.skeleton, 30.0, torch.tensor([0.0, 0.95, 0.0]).expand(401, 3), still)
    rows = feature.from_motion(pose).numpy() + 1e-4 * np.random.default_rng(0).standard_normal((400, 296))
    np.save(source / "renamed_feats" / "take.npy", rows.astype(np.float32))
    (source / "data_split_info" / "test_ids.txt").write_text("\n".join(ids))
    (source / "all_caption_clean.json").write_text(json.dumps({name: {"manual": ["a person walks"]} for name in ids}))
    assert main(["prepare", "snapmogen", str(source), "--out", str(data)]) == 0
    asked = ["--data", str(data), "--evaluator", str(evaluator), "--protocol", "snapmogen", "--pool", "2"]
    asked += ["--repeats", "1"]
    report = tmp_path / "report"
    assert main(["evaluate", str(out), *asked, "--sections", "motions", "-o", str(report)]) == 0
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert found["data"]["clips"] == 3 and "straight to the evaluator" in found["notes"][0]
    assert set(found["settings"][0]["report"]["rows"]) == {"real", "generated"}
