"""Guidance scale: one convention for all samplers, and the former ``guidance`` read in its former meaning."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from edit_bundles import debug_bundle
from kinescale import TextToMotion, samplers
from kinescale.bundle import Bundle
from kinescale.core.errors import ConfigError, InputError
from kinescale.core.renamed import RenamedWarning

OFF_BEFORE = {"next_scale": 0.0, "scale_wise": 0.0, "bitwise": 0.0, "masked": 1.0}


def scales_of(config) -> list[float]:
    """Guidance scales that a sampler applies over its scales or rounds."""
    arguments = (8,) if len(inspect.signature(config.guidance_at).parameters) > 1 else ()
    return [config.guidance_at(k, *arguments) for k in range(8)]


@pytest.mark.parametrize("name", samplers.FAMILY.names())
def test_one_is_off_in_every_scale_and_more_is_more(name: str) -> None:
    config = samplers.FAMILY.get(name, "Config")
    assert scales_of(config.parse({"guidance_scale": 1.0})) == [1.0] * 8
    assert all(scale >= 1.0 for scale in scales_of(config.parse({"guidance_scale": 1.5})))
    assert max(scales_of(config.parse({"guidance_scale": 3.0}))) >= 3.0


@pytest.mark.parametrize("name", samplers.FAMILY.names())
def test_settings_from_before_keep_their_meaning(name: str) -> None:
    config, off = samplers.FAMILY.get(name, "Config"), OFF_BEFORE[name]
    assert config.parse({"guidance": off}) == config.parse({"guidance_scale": 1.0})
    assert config.parse({"guidance": 2.5}) == config.parse({"guidance_scale": 3.5 - off})
    for given, message in (({"guidance": 2.0, "guidance_scale": 2.0}, "former name"), ({"guidance": -1}, "from 0")):
        with pytest.raises(ConfigError, match=message):
            config.parse(given)
    with pytest.raises(ConfigError, match="guidance_scale"):
        config.parse({"guidance": "much"})


def test_a_bundle_from_before_means_what_it_meant(tmp_path: Path) -> None:
    folder = debug_bundle("moscale").save_pretrained(tmp_path / "bundle")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["sampling"]["config"] = {"guidance": 1.5}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert Bundle.from_pretrained(folder).settings({}).guidance_scale == 2.5


@pytest.mark.parametrize("system", ["moscale", "mosa", "scalemogen", "momask"])
def test_the_former_option_warns_and_gives_the_same_motion(system: str) -> None:
    pipe = TextToMotion(debug_bundle(system))
    off = OFF_BEFORE[pipe.bundle.manifest.sampling.name]
    with pytest.warns(RenamedWarning, match=r"here guidance 2 is guidance_scale [23]\."):
        former = pipe("a person walks", seconds=1.0, seed=3, sampling={"guidance": 2.0})
    today = pipe("a person walks", seconds=1.0, seed=3, sampling={"guidance_scale": 3.0 - off})
    assert former.motions[0].rotations.equal(today.motions[0].rotations)
    assert former.motions[0].meta["sampling"] == today.motions[0].meta["sampling"]
    with pytest.warns(RenamedWarning, match="former name of guidance_scale"):
        named = pipe("a person walks", seconds=1.0, seed=3, guidance=2.0)
    assert named.motions[0].rotations.equal(today.motions[0].rotations)
    with pytest.raises(InputError, match="give guidance_scale alone"):
        pipe("a person walks", seconds=1.0, sampling={"guidance": 2.0, "guidance_scale": 2.0})
