"""Building blocks of networks, one a file; they know tensors, nothing of motions or tokens."""
