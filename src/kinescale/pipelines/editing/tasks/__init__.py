"""Edit tasks: a family; each module offers ``run``, which turns its inputs into one or more ``EditPipeline.run``.

Contract: ``run(pipeline, ..., *, options: EditOptions | None = None) -> Edited``. Parameters that tasks share have the
same names everywhere: ``motion``, or ``first`` and ``second``; ``prompt``, ``region``, ``seconds``, ``parts``,
``keep_scales``. ``kinescale edit --task NAME`` passes what the signature names, so a new file is a new task.
"""

from __future__ import annotations

from kinescale.core.family import Family

FAMILY = Family(__name__, "edit task")
