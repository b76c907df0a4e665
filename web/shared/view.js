// The 3-D view: one canvas cut into panels, one camera direction for all of them.
import { DirectionalLight, HemisphereLight, PCFShadowMap, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Figure } from "./figure.js";
import { Ground } from "./ground.js";
import { hue, palette } from "./palette.js";

const FIELD = 30;
const HOME = { yaw: -40 * Math.PI / 180, pitch: 13 * Math.PI / 180 };
const MOST_PIXELS = 3;

export class View {
  constructor(canvas, clips, changed) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true });
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.canvas = canvas;
    this.scene = new Scene();
    this.ground = new Ground(this.scene);
    this.figures = [];
    this.show(clips);
    this.sky = new HemisphereLight(0xffffff, 0x8890a0, 1.9);
    this.sun = new DirectionalLight(0xffffff, 2.2);
    this.sun.castShadow = true;
    this.sun.shadow.mapSize.set(1024, 1024);
    this.sun.shadow.bias = -0.0006;
    this.sun.shadow.normalBias = 0.02;
    this.scene.add(this.sky, this.sun, this.sun.target);
    this.camera = new PerspectiveCamera(FIELD, 1, 0.05, 100);
    // The rig turns about the origin; every panel's camera stands as far from its own motion as the rig from there.
    this.rig = new PerspectiveCamera(FIELD, 1, 0.05, 100);
    this.controls = new OrbitControls(this.rig, canvas);
    this.controls.maxPolarAngle = Math.PI * 0.495;
    this.controls.zoomSpeed = 1.2;
    this.controls.addEventListener("change", changed);
  }
  /** Replace the motions that are drawn; figures of those that stay are kept. */
  show(clips) {
    const old = new Map(this.figures.map(figure => [figure.clip, figure]));
    this.figures = clips.map(clip => old.get(clip) ?? new Figure(clip));
    for (const [clip, figure] of old) if (!clips.includes(clip)) {
      this.scene.remove(figure);
      figure.traverse(part => { part.geometry?.dispose(); });
    }
    this.clips = clips;
    if (clips.length) this.scene.add(...this.figures);
  }
  /** Panels in CSS pixels from the top left; one in all when the motions are laid over each other. */
  resize(width, height, panels) {
    this.width = width; this.height = height; this.panels = panels;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, MOST_PIXELS));
    this.renderer.setSize(Math.max(1, width), Math.max(1, height), false);
  }
  paint(dark, overlay) {
    const color = palette(), count = this.clips.length;
    this.color = color;
    this.ground.paint(color, dark);
    this.figures.forEach((figure, i) => figure.paint(color, overlay ? hue(i, count, dark) : null));
    this.sky.intensity = dark ? 1.5 : 1.9;
    this.scene.background = null;
  }
  /** Stand as far away as the motions need; keep the direction unless told to take the first one again. */
  frame(follow, home = true) {
    const tall = Math.max(...this.clips.map(clip => clip.top)), size = Math.max(...this.clips.map(clip => clip.size));
    const wide = Math.max(...this.clips.map(clip => (follow ? Math.max(0.75 * size, clip.wide) : clip.reach + 0.3 * size)));
    const panel = this.panels[0], aspect = panel.width / Math.max(1, panel.height);
    const tangent = Math.tan(FIELD * Math.PI / 360);
    const distance = Math.max((tall + 0.7 * size) / 2 / tangent, wide / (tangent * aspect)) + (follow ? 0 : 0.6 * wide);
    const target = new Vector3(0, 0.5 * tall + 0.02 * size, 0), { yaw, pitch } = HOME;
    const from = home
      ? new Vector3(Math.cos(pitch) * Math.sin(yaw), Math.sin(pitch), Math.cos(pitch) * Math.cos(yaw))
      : this.rig.position.clone().sub(this.controls.target).normalize();
    this.controls.target.copy(target);
    this.controls.minDistance = 0.15 * distance;
    this.controls.maxDistance = Math.max(12 * distance, 60);
    this.rig.position.copy(target).addScaledVector(from, distance);
    this.controls.update();
  }
  /** Turn by radians, come closer by a factor: what keys do. */
  turn(yaw, pitch, closer = 1) {
    const out = this.rig.position.clone().sub(this.controls.target);
    const radius = Math.min(this.controls.maxDistance, Math.max(this.controls.minDistance, out.length() / closer));
    const angle = Math.atan2(out.x, out.z) + yaw;
    const rise = Math.min(1.5, Math.max(0.02, Math.asin(out.y / out.length()) + pitch));
    out.set(Math.cos(rise) * Math.sin(angle), Math.sin(rise), Math.cos(rise) * Math.cos(angle)).multiplyScalar(radius);
    this.rig.position.copy(this.controls.target).add(out);
    this.controls.update();
  }
  draw(state) {
    const { renderer } = this;
    const distance = this.rig.position.distanceTo(this.controls.target);
    const poses = this.figures.map(figure => figure.show({ ...state, distance }));
    renderer.setScissorTest(false);
    renderer.setClearColor(this.color.line);
    renderer.clear();
    renderer.setScissorTest(true);
    renderer.setClearColor(this.color.paper);
    const groups = state.overlay ? [this.figures.map((_, i) => i)] : this.figures.map((_, i) => [i]);
    groups.forEach((group, k) => this.panel(this.panels[k], group, state, poses));
  }
  panel({ left, top, width, height }, group, { time, level, follow }, poses) {
    if (width < 2 || height < 2) return;
    const { camera, rig, renderer } = this;
    this.figures.forEach((figure, i) => { figure.visible = group.includes(i); });
    const spots = group.map(i => (follow ? this.clips[i].camera(time, level) : this.clips[i].middle));
    const [x, z] = [0, 1].map(k => spots.reduce((sum, spot) => sum + spot[k], 0) / spots.length);
    this.aim(group.map(i => poses[i].ground), Math.max(...group.map(i => this.clips[i].size)));
    const distance = rig.position.distanceTo(this.controls.target);
    camera.position.copy(rig.position).add(new Vector3(x, 0, z));
    camera.quaternion.copy(rig.quaternion);
    camera.aspect = width / height;
    camera.near = Math.max(0.01, distance / 60);
    camera.far = distance * 30;
    camera.updateProjectionMatrix();
    const middle = this.controls.target;
    this.ground.place(x + middle.x, z + middle.z, Math.max(6, 2.4 * distance));
    const below = this.height - top - height;
    renderer.setViewport(left, below, width, height);
    renderer.setScissor(left, below, width, height);
    renderer.render(this.scene, camera);
  }
  /** The sun stands over the bodies and its shadow covers them all. */
  aim(grounds, size) {
    const [x, z] = [0, 1].map(k => grounds.reduce((sum, spot) => sum + spot[k], 0) / grounds.length);
    const apart = Math.max(...grounds.map(spot => Math.hypot(spot[0] - x, spot[1] - z)));
    const half = Math.min(apart, 30) + 1.25 * size, { shadow } = this.sun;
    this.sun.target.position.set(x, 0, z);
    this.sun.position.set(x - 1.6 * half, 4 * half, z + 1.4 * half);
    Object.assign(shadow.camera, { left: -half, right: half, top: half, bottom: -half, near: 0.5 * half, far: 9 * half });
    shadow.camera.updateProjectionMatrix();
  }
}
