"""ScaleMoGen's guidance scale and temperature against FID."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen by guidance and temperature",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=TEXT_COLUMNS,
    rows=(
        *(
            Row(
                name=f"w = {w:g}",
                sampling={"guidance_scale": 1.0 + w},
                paper={"fid": 0.03} if w == 7 else {},
                x=w,
            )
            for w in (0, 3, 5, 7, 9)
        ),
        *(Row(name=f"temperature {tau:g}", sampling={"temperature": tau}) for tau in (0.5, 0.8, 1.0, 1.5)),
    ),
    plot=("guidance w", "fid"),
    notes=("The published evaluation has w = 7 and temperature 1.3; the study of others is not known.",),
)
