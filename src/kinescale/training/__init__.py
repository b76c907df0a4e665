"""Training: one loop for every stage, stateless draws, checkpoints that survive a kill, export to a bundle.

Import from the files: ``config`` is light and serves recipes; ``run.train`` and ``export.export`` are the
entrances.
"""
