"""npz."""
SUFFIXES = (".npz",)
