"""Rotations, forward and inverse kinematics, retargeting, mirroring, contacts: arrays in, arrays out."""
