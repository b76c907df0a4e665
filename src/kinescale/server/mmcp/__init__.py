"""MMCP (Motion Model Context Protocol), wire 1.0 to 1.4: what animation tools speak to a motion model."""
