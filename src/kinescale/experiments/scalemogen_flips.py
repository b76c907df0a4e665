"""ScaleMoGen's share of flipped bits in training, against FID."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen by its highest share of flipped bits",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=TEXT_COLUMNS,
    rows=tuple(
        Row(
            name=f"up to {share:g}",
            changes={"generator.config.flips": share},
            paper={"fid": 0.03} if share == 0.3 else {},
            x=share,
        )
        for share in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    ),
    plot=("highest share of flipped bits", "fid"),
    notes=("The published value is 0.3; the study of others is not known.",),
)
