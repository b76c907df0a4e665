"""Building blocks of networks, one per file; they work on tensors alone."""
