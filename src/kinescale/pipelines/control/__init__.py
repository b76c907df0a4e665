"""Control: motions that keep constraints on joints, poses, paths and facings.

Sampling (or the clip's own tokens) first, then optimization of the latents through the decoder
(``latent_optimization``), then a small refinement of the motion itself (``pose_refinement``).
"""
