"""Input and output below the motion formats: archives, npy and text parsing, sidecars, temporary folders."""
