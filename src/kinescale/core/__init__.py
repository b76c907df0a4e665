"""Core of the package: conventions, errors, family look-up, records and JSON, atomic files, seeds, workers."""
