// A motion as the server gives it, with forward kinematics and what the 3-D view needs to draw it.
import { Clip } from "../shared/clip.js";
import { drawnBody } from "./body.js";
import * as q from "./quaternion.js";

const STEPS = 32767;
const STANCE_S = 0.1;

export class Motion {
  /** `data` is the server's JSON. It is never changed, so that kept frames stay equal number by number. */
  constructor(data) {
    this.data = data;
    this.skeleton = data.skeleton;
    this.fps = data.fps;
    this.frames = data.root.length;
    this.joints = data.skeleton.parents.length;
    this.body = drawnBody(data.skeleton);
  }
  get seconds() { return this.frames / this.fps; }
  get last() { return (this.frames - 1) / this.fps; }
  get title() { return this.data.meta?.prompt || this.data.skeleton.name || "motion"; }
  frameAt(time) { return Math.min(this.frames - 1, Math.max(0, Math.round(time * this.fps))); }

  /** World positions of joints and end sites, and world rotations of joints, of one frame. */
  world(frame, rotations = this.data.rotations[frame], root = this.data.root[frame]) {
    const { parents, offsets, ends = [] } = this.skeleton, positions = [], turns = [];
    parents.forEach((parent, joint) => {
      turns.push(parent < 0 ? rotations[joint] : q.multiply(turns[parent], rotations[joint]));
      positions.push(parent < 0 ? root : q.add(positions[parent], q.rotate(turns[parent], offsets[joint])));
    });
    for (const { joint, offset } of ends ?? []) positions.push(q.add(positions[joint], q.rotate(turns[joint], offset)));
    return { positions, turns };
  }
  /** [T][P] positions and the head's direction, computed once. */
  get poses() {
    this._poses ??= Array.from({ length: this.frames }, (_, frame) => this.world(frame));
    return this._poses;
  }
  /** Frames in which all numbers equal those of another motion of the same skeleton, beginning `shift` frames later there. */
  equalFrames(other, shift = 0) {
    const same = (a, b) => a.length === b.length && a.every((value, i) => (Array.isArray(value) ? same(value, b[i]) : value === b[i]));
    return this.data.root.map((root, frame) => {
      const there = frame + shift;
      return there >= 0 && there < other.frames && this.joints === other.joints && same(root, other.data.root[there])
        && same(this.data.rotations[frame], other.data.rotations[there]);
    });
  }
  facing({ positions }) {
    const { roles } = this.body, pairs = [["left_hip", "right_hip"], ["left_shoulder", "right_shoulder"]];
    let across = [0, 0, 0];
    for (const [left, right] of pairs)
      if (left in roles && right in roles) across = q.add(across, q.subtract(positions[roles[left]], positions[roles[right]]));
    const ahead = q.cross(across, [0, 1, 0]);
    return Math.hypot(ahead[0], ahead[2]) < 1e-6 ? null : Math.atan2(ahead[0], ahead[2]);
  }
  footprints() {
    const { contacts } = this.data, found = [];
    if (!contacts) return found;
    ["left", "right"].forEach((side, number) => {
      const joints = ["ankle", "toes"].map(place => this.body.roles[`${side}_${place}`]).filter(joint => joint !== undefined);
      const flags = ["ankle", "toes"].map(place => contacts[`${side}_${place}`]).filter(Boolean);
      if (!joints.length || !flags.length) return;
      let first = null;
      for (let frame = 0; frame <= this.frames; frame++) {
        const down = frame < this.frames && flags.some(flag => flag[frame]);
        if (down && first === null) first = frame;
        if (!down && first !== null) {
          if (frame - first >= STANCE_S * this.fps) found.push(this.footprint(number, joints, first, frame));
          first = null;
        }
      }
    });
    return found.sort((a, b) => a[4] - b[4]);
  }
  footprint(side, joints, first, stop) {
    const { positions } = this.poses[(first + stop) >> 1], places = joints.map(joint => positions[joint]);
    const [x, , z] = q.scale(places.reduce(q.add), 1 / places.length);
    const along = q.subtract(places.at(-1), places[0]);
    return [side, x, z, places.length > 1 ? Math.atan2(along[0], along[2]) : this.facing(this.poses[first]) ?? 0, first];
  }
  /** One track of the 3-D view. */
  track(label = "") {
    const { body, frames } = this, points = body.points;
    const path = new Float32Array(2 * frames), positions = new Float32Array(3 * points * frames);
    const facing = new Float32Array(frames), face = body.head ? new Float32Array(3 * frames) : null;
    const atRest = this.headAtRest();
    let known = true;
    this.poses.forEach((pose, frame) => {
      const [x, , z] = pose.positions[body.body];
      path.set([x, z], 2 * frame);
      pose.positions.forEach((place, p) => positions.set([place[0] - x, place[1], place[2] - z], 3 * (frame * points + p)));
      const yaw = this.facing(pose);
      known &&= yaw !== null;
      facing[frame] = (yaw ?? 0) / Math.PI * STEPS;
      if (face) face.set(q.rotate(pose.turns[body.head[0]], atRest), 3 * frame);
    });
    return { label, unit: 1, positions, path, facing: known ? facing : null, face, footprints: this.footprints() };
  }
  /** Where the head looks in its own axes: +Z in the T-pose. */
  headAtRest() {
    const pose = this.skeleton.t_pose;
    if (!pose || !this.body.head) return [0, 0, 1];
    return q.rotate(q.conjugate(this.world(0, pose, [0, 0, 0]).turns[this.body.head[0]]), [0, 0, 1]);
  }
  /** What the 3-D view draws; `coarser` are motions of coarser scales, in order, of the same length. */
  clip(title, coarser = []) {
    const { body } = this, same = coarser.filter(motion => motion.frames === this.frames && motion.joints === this.joints);
    const tracks = [...same.map((motion, i) => motion.track(`scale ${i + 1}`)), this.track(same.length ? "finished" : "")];
    return new Clip({
      title, notes: "", fps: this.fps, frames: this.frames, points: body.points, size: body.size, bones: body.bones,
      head: body.head, tracks,
    });
  }
  /** The motion with one frame's pose in place of its own, as a motion of one frame: what a pinned pose holds. */
  still(frame, rotations = this.data.rotations[frame], root = this.data.root[frame]) {
    return { skeleton: this.data.skeleton, fps: this.fps, root: [root], rotations: [rotations] };
  }
}

/** Local rotations in which `joint` is at `target`, by turning the two joints above it (cyclic coordinate descent). */
export function reach(motion, rotations, root, joint, target, chain = 2, rounds = 24) {
  const { parents } = motion.skeleton, turned = rotations.map(rotation => [...rotation]);
  const above = [];
  for (let at = parents[joint]; at > 0 && above.length < chain; at = parents[at]) above.push(at);
  for (let round = 0; round < rounds; round++) {
    for (const at of above) {
      const { positions, turns } = motion.world(0, turned, root);
      const turn = q.between(q.subtract(positions[joint], positions[at]), q.subtract(target, positions[at]));
      const parent = turns[parents[at]];
      turned[at] = q.normalized(q.multiply(q.conjugate(parent), q.multiply(turn, turns[at])));
    }
    if (q.norm(q.subtract(motion.world(0, turned, root).positions[joint], target)) < 1e-4) break;
  }
  return turned;
}
