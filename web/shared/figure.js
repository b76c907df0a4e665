// The body: a tapered capsule a bone, a head with a nose that shows where it looks; left and right in their colors.
import {
  Group, LatheGeometry, Matrix4, Mesh, MeshBasicMaterial, MeshStandardMaterial, SphereGeometry, Vector2, Vector3,
} from "three";
import { Marks, arrow } from "./marks.js";

const UP = new Vector3(0, 1, 0);
const HEAD = [0.078, 0.112, 0.095];
const ROUND = 6;

/** A capsule from y = 0 to y = length whose ends have their own radii. */
function capsule(start, end, length) {
  const profile = [];
  for (let i = 0; i <= ROUND; i++) {
    const angle = (i / ROUND) * Math.PI / 2;
    profile.push(new Vector2(start * Math.sin(angle), -start * Math.cos(angle)));
  }
  for (let i = 0; i <= ROUND; i++) {
    const angle = (i / ROUND) * Math.PI / 2;
    profile.push(new Vector2(end * Math.cos(angle), length + end * Math.sin(angle)));
  }
  return new LatheGeometry(profile, 18);
}

const DEPTH = new MeshBasicMaterial({ colorWrite: false, transparent: true });
const skin = options => new MeshStandardMaterial({ roughness: 0.62, metalness: 0, ...options });

/** The moving parts of a body, without what lies on the floor. */
export class Body extends Group {
  constructor(clip, options = {}) {
    super();
    this.clip = clip;
    this.skins = [0, 1, 2].map(() => skin(options));
    const start = clip.sample(clip.finished, 0).points;
    const at = p => new Vector3(start[3 * p], start[3 * p + 1], start[3 * p + 2]);
    this.bones = clip.bones.map(bone => {
      const [a, b, side, from, to] = bone, length = at(a).distanceTo(at(b));
      const mesh = this.part(capsule(from, to, length), this.skins[side]);
      return { a, b, length: Math.max(length, 1e-6), mesh };
    });
    if (!clip.bones.length) this.dots = Array.from({ length: clip.points }, () =>
      this.part(new SphereGeometry(0.04 * clip.size, 16, 12), this.skins[2]));
    if (clip.head) {
      this.head = this.part(new SphereGeometry(1, 28, 20), this.skins[2]);
      this.nose = this.part(new SphereGeometry(1, 16, 12), this.skins[2]);
      this.parentOfHead = clip.bones.find(([, b]) => b === clip.head[0])?.[0] ?? clip.head[0];
    }
  }
  part(geometry, material) {
    const mesh = new Mesh(geometry, material);
    mesh.castShadow = !material.transparent;
    mesh.receiveShadow = mesh.castShadow;
    mesh.frustumCulled = false;
    if (material.transparent) {
      // Its depth goes first, so that only the nearest surface is seen and joints do not look denser.
      const first = new Mesh(geometry, DEPTH);
      first.frustumCulled = false;
      mesh.renderOrder = 2; first.renderOrder = 1;
      mesh.add(first);
    }
    this.add(mesh);
    return mesh;
  }
  pose({ points, face }) {
    const at = p => new Vector3(points[3 * p], points[3 * p + 1], points[3 * p + 2]);
    for (const { a, b, length, mesh } of this.bones) {
      const from = at(a), along = at(b).sub(from), now = along.length();
      mesh.position.copy(from);
      if (now > 1e-9) mesh.quaternion.setFromUnitVectors(UP, along.divideScalar(now));
      mesh.scale.y = Math.max(now / length, 1e-3);
    }
    this.dots?.forEach((dot, p) => dot.position.copy(at(p)));
    if (this.head) this.turnHead(at, face);
  }
  turnHead(at, face) {
    const [joint, tip] = this.clip.head, { size } = this.clip;
    const up = at(tip).sub(at(joint));
    if (up.lengthSq() < 1e-8) up.copy(at(joint)).sub(at(this.parentOfHead));
    if (up.lengthSq() < 1e-8) up.copy(UP);
    up.normalize();
    const middle = at(joint).add(at(tip)).multiplyScalar(0.5);
    if (joint === tip) middle.addScaledVector(up, 0.06 * size);
    const ahead = new Vector3(...(face ?? [0, 0, 0]));
    ahead.addScaledVector(up, -ahead.dot(up));
    this.nose.visible = ahead.lengthSq() > 1e-6;
    if (!this.nose.visible) ahead.set(up.y, -up.x, 0.01);
    ahead.normalize();
    const turn = new Matrix4().makeBasis(new Vector3().crossVectors(up, ahead).normalize(), up, ahead);
    this.head.position.copy(middle);
    this.head.scale.set(...HEAD).multiplyScalar(size);
    this.head.quaternion.setFromRotationMatrix(turn);
    this.nose.position.copy(middle).addScaledVector(ahead, HEAD[2] * size).addScaledVector(up, -0.012 * size);
    this.nose.scale.set(0.018, 0.03, 0.028).multiplyScalar(size);
    this.nose.quaternion.copy(this.head.quaternion);
  }
}

/** All that is drawn of one motion. */
export class Figure extends Group {
  constructor(clip) {
    super();
    this.clip = clip;
    this.body = new Body(clip);
    this.ghost = clip.tracks.length > 1 ? new Body(clip, { transparent: true, opacity: 0.3, depthWrite: false }) : null;
    this.marks = clip.tracks.map(track => new Marks(track, clip));
    this.arrow = arrow(clip.size);
    this.add(this.body, this.arrow, ...this.marks);
    if (this.ghost) this.add(this.ghost);
  }
  paint(color, own) {
    const sides = own
      ? [own.clone().offsetHSL(0, 0, 0.12), own.clone().offsetHSL(0, 0, -0.12), own]
      : [color.left, color.right, color.middle];
    this.body.skins.forEach((skin, i) => { skin.color = sides[i]; });
    this.ghost?.skins.forEach(skin => { skin.color = color.middle; });
    for (const marks of this.marks) marks.paint(own ?? color.faint, sides);
    this.arrow.material.color = own ?? color.ink;
  }
  show({ time, level, path, ghost, distance }) {
    const { clip } = this, top = clip.tracks.length - 1, mine = Math.min(level, top);
    const pose = clip.pose(time, mine);
    this.body.pose(pose);
    if (this.ghost) {
      this.ghost.visible = ghost && mine < top;
      if (this.ghost.visible) this.ghost.pose(clip.pose(time, top));
    }
    this.marks.forEach((marks, i) => {
      marks.visible = path && i === Math.round(mine);
      if (marks.visible) { marks.widen(distance); marks.show(pose.where); }
    });
    this.arrow.visible = pose.yaw !== null;
    this.arrow.position.set(pose.ground[0], this.arrow.position.y, pose.ground[1]);
    this.arrow.rotation.y = pose.yaw ?? 0;
    return pose;
  }
}
