"""Page of the studio: ``page/``, built from ``web/studio`` and ``web/shared``; served by ``kinescale serve``."""
