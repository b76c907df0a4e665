"""Run inside Blender, never imported: turns a .glb into a .fbx or a .fbx into a .glb.

``blender --background --factory-startup --python-exit-code 1 --python THIS -- IN OUT FPS``. FPS is the rate at which
a .fbx is baked; a .fbx that is read brings its own.
"""

import math
import sys

import bpy  # pyright: ignore[reportMissingImports]


def main() -> None:
    """Read the first file named after ``--`` and write the second."""
    source, target, fps = sys.argv[sys.argv.index("--") + 1 :][:3]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    if source.endswith(".glb"):
        # Blender counts animations in frames of the scene, and bakes one key a frame
        scene.render.fps = max(1, round(float(fps)))
        scene.render.fps_base = scene.render.fps / float(fps)
        bpy.ops.import_scene.gltf(filepath=source)
        fit_scene(scene)
        bpy.ops.export_scene.fbx(
            filepath=target,
            object_types={"ARMATURE", "MESH", "EMPTY"},
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=True,
            bake_anim_simplify_factor=0.0,
        )
    else:
        bpy.ops.import_scene.fbx(filepath=source)
        fit_scene(scene)
        bpy.ops.export_scene.gltf(filepath=target, export_format="GLB", export_animations=True)


def fit_scene(scene: object) -> None:
    """Make the scene's frame range that of its animations."""
    ranges = [action.frame_range for action in bpy.data.actions]
    if ranges:
        scene.frame_start = math.floor(min(first for first, _ in ranges))  # pyright: ignore[reportAttributeAccessIssue]
        scene.frame_end = math.ceil(max(last for _, last in ranges))  # pyright: ignore[reportAttributeAccessIssue]


main()
