"""Published protocols: the files' own rows reach the evaluator bit for bit, and generated features as decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from evaluated import tiny_evaluator

from authors_files import guo_states, moscale_states, save, statistics, word_table
from kinescale.bundle import Bundle, Part
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.importing import import_system
from kinescale.data.prepare import prepare
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluation import protocol, published
from kinescale.evaluation.record import Request
from kinescale.evaluation.run import run
from kinescale.features import Feature
from tiny_bundle import tiny_bundle

FIELD = protocol.HUMANML3D_2022.but(pool=2, prompts=2, samples=2)
ASKED = Request(split="test", protocol=FIELD, repeats=1, instructions=0, sections=("motions",), seed=4,
                settings={"fast": {"steps": (1,)}})  # fmt: skip
FRAMES = {"000001": 64, "000002": 47, "000003": 55, "000004": 60}


def rows(frames: int, seed: int) -> np.ndarray:
    """Numbers of the size of published features: no motion gives these back."""
    made = 0.01 * np.random.default_rng(seed).standard_normal((frames, 263))
    made[:, 3] += 0.9
    return made.astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """HumanML3D's layout with four clips, the first of them a published file where the golden cases are there."""
    folder = tmp_path_factory.mktemp("set") / "HumanML3D"
    for name in ("new_joint_vecs", "texts"):
        (folder / name).mkdir(parents=True)
    arrays = {name: rows(frames, int(name)) for name, frames in FRAMES.items()}
    golden = Path(__file__).resolve().parents[2].parent / "shared" / "golden" / "features_real_012314"
    if (golden / "io.safetensors").is_file():
        arrays["012314"] = load_file(golden / "io.safetensors")["features"]
    for name, values in arrays.items():
        np.save(folder / "new_joint_vecs" / f"{name}.npy", values)
        (folder / "texts" / f"{name}.txt").write_text("a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\n")
    (folder / "test.txt").write_text("\n".join(arrays))
    return folder


@pytest.fixture(scope="module")
def data(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    out = tmp_path_factory.mktemp("out")
    prepare("humanml3d", source, out, workers=1)
    return open_prepared(out)


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> EvaluatorBundle:
    """Guo et al.'s, imported from a made file, with its word table."""
    folder = tmp_path_factory.mktemp("evaluator")
    files = [save(folder / "finest.tar", **guo_states()), statistics(folder / "meta", 263)]
    made = import_system("guo2022", files, text=str(word_table(folder / "glove")))
    assert isinstance(made, EvaluatorBundle)
    return made


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """MoScale imported from made files; its sentences go through hashed words."""
    folder = tmp_path_factory.mktemp("bundle")
    books, generator = moscale_states()
    files = [save(folder / "vq.tar", vq_model=books), save(folder / "gen.tar", moscale=generator)]
    made = import_system("moscale", [*files, statistics(folder / "meta", 263)])
    assert isinstance(made, Bundle)
    return replace(made, text=Part(name="hashed", config={"width": 16, "max_tokens": 7}))


def watched(evaluator: EvaluatorBundle, patch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What is given to ``embed_features`` from now on, and what reaches the network, clip by clip."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    given: list[torch.Tensor] = []
    plain, network = EvaluatorBundle.embed_features, evaluator.evaluator.embed_motion

    def embed_features(self, values, lengths):
        given[:] = [one[:length] for one, length in zip(values, lengths.tolist(), strict=True)]
        return plain(self, values, lengths)

    def embed_motion(features, lengths):
        order = torch.argsort(torch.tensor([len(one) for one in given]), stable=True).tolist()
        for row, at in enumerate(order):
            seen.append((given[at], features[row, : lengths[row]].clone()))
        return network(features, lengths)

    patch.setattr(EvaluatorBundle, "embed_features", embed_features)
    patch.setattr(evaluator.evaluator, "embed_motion", embed_motion)
    return seen


def test_the_files_rows_reach_the_evaluator_bit_for_bit(
    source: Path, data: Prepared, evaluator: EvaluatorBundle, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = ASKED if len(data.clips) == 4 else Request(**{**vars(ASKED), "protocol": FIELD.but(longest=64)})
    seen = watched(evaluator, monkeypatch)
    monkeypatch.setattr(Feature, "from_motion", _never, raising=False)
    monkeypatch.setattr(type(evaluator.feature), "from_motion", _never)
    monkeypatch.setattr(type(evaluator.feature), "to_motion", _never)
    found, _ = run(bundle, data, limit, evaluator=evaluator)
    files = [np.load(file) for file in sorted((source / "new_joint_vecs").glob("*.npy"))]
    mean, std = evaluator.normalizer.mean.numpy(), evaluator.normalizer.std.numpy()
    real = seen[: 2 * len(files)]
    matched = 0
    for values, scaled in real:
        window = values.numpy()
        places = [
            (at, start)
            for at, whole in enumerate(files)
            for start in range(len(whole) - len(window) + 1)
            if np.array_equal(whole[start : start + len(window)], window)
        ]
        assert len(places) == 1 and len(window) % 4 == 0
        assert np.array_equal(scaled.numpy(), (window - mean) / std)
        matched += 1
    assert matched == len(real) >= 8
    (setting,) = found.settings
    assert setting.report is not None and set(setting.report.rows) == {"real", "generated"}
    assert published.DIRECT in found.notes and not setting.physical


def _never(*_: object, **__: object) -> None:
    raise AssertionError("features were turned into a motion, or a motion into features")


def test_generated_features_are_those_of_the_pipelines_own_draw(bundle: Bundle) -> None:
    from kinescale.pipelines import TextToMotion
    from kinescale.pipelines.post_process import RAW

    pipe = TextToMotion(bundle)
    (values,) = pipe.features("a person walks", 40, [3], 7)
    motion = pipe("a person walks", 2.0, [3], 7, post_process=RAW).motions[0]
    assert values.shape == (40, 263)
    torch.testing.assert_close(bundle.feature.to_motion(values).positions(), motion.positions())


@pytest.mark.slow
def test_a_bundle_or_an_evaluator_of_other_features_is_noted(
    data: Prepared, evaluator: EvaluatorBundle, bundle: Bundle
) -> None:
    asked = Request(**{**vars(ASKED), "repeats": 1, "settings": {"fast": {}}, "protocol": FIELD.but(longest=40)})
    found, _ = run(tiny_bundle(), data, asked, evaluator=evaluator)
    assert published.MADE_INDIRECTLY in found.notes and found.settings[0].report is not None
    plain = protocol.FIXED.but(pool=2)
    assert not published.applies(plain, data, evaluator) and published.applies(FIELD, data, evaluator)
    assert not published.applies(FIELD, data, tiny_evaluator())
