"""Kinematics on arrays: rotations, forward and inverse kinematics, retargeting, mirroring, foot contacts."""
