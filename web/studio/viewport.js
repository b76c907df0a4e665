// The studio's 3-D view: the player's view with joints to pick, gizmos, pins, a path on the ground and an onion skin.
import {
  BufferAttribute, BufferGeometry, Group, InstancedMesh, Line, LineBasicMaterial, Mesh, MeshBasicMaterial, Object3D, Plane,
  Raycaster, RingGeometry, SphereGeometry, Vector2, Vector3,
} from "three";
import { TransformControls } from "three/addons/controls/TransformControls.js";
import { Body } from "../shared/figure.js";
import { palette } from "../shared/palette.js";
import { View } from "../shared/view.js";

const HANDLE = 0.028;
const GHOSTS = 5;
const PICK_PX = 14;
const GROUND = new Plane(new Vector3(0, 1, 0), 0);

/** A point [x, z] of the ground as it is drawn. */
export const raised = ([x, z]) => [x, 0.015, z];

export const VIEWS = { front: 0, left: Math.PI / 2, back: Math.PI, right: -Math.PI / 2 };

export class Viewport extends View {
  /** `heard(event, detail)` gets "pick", "drag", "dragged" and "ground". */
  constructor(canvas, heard) {
    super(canvas, [], () => heard("view"));
    this.heard = heard;
    this.color = palette();
    this.overlays = new Group();
    this.scene.add(this.overlays);
    const unlit = options => new MeshBasicMaterial({ depthTest: false, transparent: true, ...options });
    this.handles = new InstancedMesh(new SphereGeometry(1, 12, 8), unlit({ opacity: 0.85 }), 512);
    this.handles.count = 0;
    this.handles.frustumCulled = false;
    this.handles.renderOrder = 20;
    this.trail = new Line(new BufferGeometry(), new LineBasicMaterial({ depthTest: false }));
    this.trail.renderOrder = 19;
    this.drawn = new Line(new BufferGeometry(), new LineBasicMaterial({ depthTest: false }));
    this.pins = new Group();
    this.onion = new Group();
    this.trail.frustumCulled = this.drawn.frustumCulled = false;
    this.overlays.add(this.handles, this.trail, this.drawn, this.pins, this.onion);
    this.target = new Object3D();
    this.scene.add(this.target);
    this.gizmo = new TransformControls(this.camera, canvas);
    this.gizmo.setSize(0.7);
    this.scene.add(this.gizmo.getHelper());
    this.gizmo.addEventListener("dragging-changed", ({ value }) => {
      this.controls.enabled = !value;
      heard(value ? "grab" : "dragged", this.target);
    });
    this.gizmo.addEventListener("objectChange", () => heard("drag", this.target));
    this.gizmo.addEventListener("change", () => heard("view"));
    this.pickable = [];
    this.drawing = null;
    canvas.addEventListener("pointerdown", event => this.down(event));
    canvas.addEventListener("pointermove", event => this.move(event));
    canvas.addEventListener("pointerup", event => this.up(event));
  }
  ray(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const at = new Vector2(2 * (event.clientX - left) / width - 1, 1 - 2 * (event.clientY - top) / height);
    const caster = new Raycaster();
    caster.setFromCamera(at, this.camera);
    return caster.ray;
  }
  groundAt(event) {
    const hit = this.ray(event).intersectPlane(GROUND, new Vector3());
    return hit && hit.length() < 200 ? [hit.x, hit.z] : null;
  }
  down(event) {
    this.pressed = [event.clientX, event.clientY];
    if (this.drawing !== "ready" || event.button !== 0) return;
    this.controls.enabled = false;
    this.canvas.setPointerCapture(event.pointerId);
    this.drawing = "on";
    const place = this.groundAt(event);
    this.stroke = place ? [place] : [];
  }
  move(event) {
    if (this.drawing !== "on") return;
    const place = this.groundAt(event), before = this.stroke.at(-1);
    if (!place || (before && Math.hypot(place[0] - before[0], place[1] - before[1]) < 0.08)) return;
    this.stroke.push(place);
    this.showPath(this.stroke.map(raised));
    this.heard("view");
  }
  up(event) {
    if (this.drawing === "on") {
      this.drawing = null;
      this.controls.enabled = true;
      this.heard("ground", this.stroke);
      return;
    }
    const [x, y] = this.pressed ?? [0, 0];
    if (Math.hypot(event.clientX - x, event.clientY - y) < 5 && !this.gizmo.dragging) this.pick(event);
  }
  /** The joint nearest to the pointer on the screen. */
  pick(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    let best = PICK_PX, found = null;
    this.pickable.forEach((place, joint) => {
      const at = new Vector3(...place).project(this.camera);
      const apart = Math.hypot(left + (at.x + 1) / 2 * width - event.clientX, top + (1 - at.y) / 2 * height - event.clientY);
      if (at.z < 1 && apart < best) { best = apart; found = joint; }
    });
    if (this.pickable.length) this.heard("pick", found);
  }
  /** Spheres on joints (none for null), the chosen one in color. */
  showJoints(places, chosen, size = 1) {
    this.pickable = places ?? [];
    this.handles.count = Math.min(this.pickable.length, 512);
    const spot = new Object3D();
    for (let joint = 0; joint < this.handles.count; joint++) {
      spot.position.set(...this.pickable[joint]);
      spot.scale.setScalar(HANDLE * size * (joint === chosen ? 1.5 : 1));
      spot.updateMatrix();
      this.handles.setMatrixAt(joint, spot.matrix);
      this.handles.setColorAt(joint, joint === chosen ? this.color.left : this.color.ink);
    }
    this.handles.instanceMatrix.needsUpdate = true;
    if (this.handles.instanceColor) this.handles.instanceColor.needsUpdate = true;
  }
  /** The gizmo at a place, to "translate" or "rotate"; null puts it away. */
  hold(place, mode = "translate", turn = [0, 0, 0, 1]) {
    if (!place) { this.gizmo.detach(); return; }
    if (!this.gizmo.dragging) {
      this.target.position.set(...place);
      this.target.quaternion.set(...turn);
    }
    this.gizmo.setMode(mode);
    this.gizmo.setSpace(mode === "rotate" ? "local" : "world");
    this.gizmo.attach(this.target);
  }
  /** A line through points; nothing is done when they and the color are those it has. */
  line(line, points, color) {
    if (line.userData.points === points && line.material.color.equals(color)) return;
    line.userData.points = points;
    line.geometry.dispose();
    line.geometry = new BufferGeometry();
    line.geometry.setAttribute("position", new BufferAttribute(new Float32Array(points.flat()), 3));
    line.material.color.copy(color);
    line.visible = points.length > 1;
  }
  /** Points [x, y, z] a little above the ground. */
  showPath(points) { this.line(this.drawn, points, this.color.left); }
  showTrail(points) { this.line(this.trail, points, this.color.right); }
  /** Rings where joints are pinned, made anew only when these change. */
  showPins(places) {
    const told = JSON.stringify([places, this.color.left.getHex()]);
    if (told === this.pinned) return;
    this.pinned = told;
    for (const ring of this.pins.children) { ring.geometry.dispose(); ring.material.dispose(); }
    this.pins.clear();
    for (const { position, now } of places) {
      const color = now ? this.color.left : this.color.faint;
      const ring = new Mesh(new RingGeometry(0.035, 0.05, 24), new MeshBasicMaterial({ color, depthTest: false, transparent: true, side: 2 }));
      ring.position.set(...position);
      ring.renderOrder = 21;
      this.pins.add(ring);
    }
  }
  /** Faint bodies before and after the time. */
  showOnion(clip, time, level) {
    for (const ghost of this.onion.children) ghost.visible = false;
    if (!clip) return;
    if (this.onionClip !== clip) {
      this.onion.traverse(part => part.geometry?.dispose());
      this.onion.clear();
      this.onionClip = clip;
      for (let i = 0; i < GHOSTS - 1; i++) this.onion.add(new Body(clip, { transparent: true, opacity: 0.16, depthWrite: false }));
    }
    const step = 8 / 30, half = (GHOSTS - 1) / 2;
    this.onion.children.forEach((ghost, i) => {
      const at = time + (i < half ? i - half : i - half + 1) * step;
      ghost.visible = at >= 0 && at <= clip.last;
      ghost.skins.forEach(skin => { skin.color = i < half ? this.color.faint : this.color.right; });
      if (ghost.visible) ghost.pose(clip.pose(at, level));
    });
  }
  look(yaw, pitch = 0.12) {
    const out = this.rig.position.clone().sub(this.controls.target), radius = out.length();
    out.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)).multiplyScalar(radius);
    this.rig.position.copy(this.controls.target).add(out);
    this.controls.update();
  }
  panel(panel, group, state, poses) {
    // Rings face the camera; overlays belong to the current motion and are drawn with it alone.
    this.overlays.visible = group.includes(state.current ?? -1);
    this.gizmo.getHelper().visible = this.overlays.visible && Boolean(this.gizmo.object);
    for (const ring of this.pins.children) ring.quaternion.copy(this.rig.quaternion);
    super.panel(panel, group, state, poses);
  }
}
