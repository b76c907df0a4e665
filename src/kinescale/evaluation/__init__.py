"""Evaluation: which clips, captions, pools and pairs a published number is made of, by the protocol's name."""
