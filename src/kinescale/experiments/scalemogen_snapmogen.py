"""ScaleMoGen on SnapMoGen, with the systems that it is compared with."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, Experiment, Row

_PAPER = {
    "MDM": (0.503, 0.653, 0.727, 57.783, 0.481, 13.412),
    "T2M-GPT": (0.618, 0.773, 0.812, 32.629, None, 9.172),
    "StableMoFusion": (0.679, 0.823, 0.888, 27.801, 0.605, 9.064),
    "MARDM": (0.659, 0.812, 0.86, 26.878, 0.602, 9.883),
    "MoMask": (0.777, 0.888, 0.927, 17.404, 0.664, 8.183),
    "MoMask++": (0.802, 0.905, 0.938, 15.06, 0.685, 7.259),
    "ScaleMoGen": (0.807, 0.908, 0.941, 16.35, 0.693, 9.399),
}
_COLUMNS = ("top1", "top2", "top3", "fid", "clip_score", "multimodality")

EXPERIMENT = Experiment(
    title="ScaleMoGen on SnapMoGen",
    source=SCALEMOGEN,
    system="scalemogen",
    published="snapmogen",
    protocol="snapmogen",
    columns=_COLUMNS,
    rows=tuple(
        Row(
            name=name,
            paper={key: value for key, value in zip(_COLUMNS, values, strict=True) if value is not None},
            cited=name != "ScaleMoGen",
        )
        for name, values in _PAPER.items()
    ),
    notes=("ScaleMoGen's row and two others come from a later paper's copy of the table.",),
)
