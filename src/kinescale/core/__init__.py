"""Ground everything stands on: conventions, errors, family look-up, records and JSON, atomic files."""
