"""Editing: masked resampling of a clip's tokens, and the exact setting of what was sampled into the clip.

``edit_pipeline`` is the core, ``tasks`` the family of edits made of it, ``Editor`` offers them as methods.
"""
