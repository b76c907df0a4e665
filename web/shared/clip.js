// One motion as a page draws it: tracks from coarse to fine, sampled at any time and between two tracks.
// position = path + unit * raw. The player's page packs raw as int16 in base64 (html.py); the studio gives arrays.

const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
const shorts = data => (typeof data === "string" ? new Int16Array(bytes(data)) : data);
const floats = data => (typeof data === "string" ? new Float32Array(bytes(data)) : data);
const STEPS = 32767;

class Track {
  constructor(data, clip) {
    this.label = data.label;
    this.unit = data.unit;
    this.raw = shorts(data.positions);
    this.path = floats(data.path);
    this.facing = shorts(data.facing);
    this.face = shorts(data.face);
    this.footprints = data.footprints;
    this.clip = clip;
  }
  height(frame, point) { return this.unit * this.raw[3 * (frame * this.clip.points + point) + 1]; }
}

export class Clip {
  constructor(data) {
    Object.assign(this, data);
    this.tracks = data.tracks.map(track => new Track(track, this));
    this.finished = this.tracks[this.tracks.length - 1];
    this.last = (this.frames - 1) / this.fps;
    this.measure();
    for (const track of this.tracks) track.calm = this.smoothed(track.path);
  }
  /** What the camera must show: the middle and half width of the path, and the greatest height. */
  measure() {
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity], { path } = this.finished;
    for (let f = 0; f < this.frames; f++) for (const k of [0, 1]) {
      low[k] = Math.min(low[k], path[2 * f + k]);
      high[k] = Math.max(high[k], path[2 * f + k]);
    }
    let top = 0.9 * this.size, wide = 0.5 * this.size;
    const hop = Math.max(1, Math.floor(this.frames / 500));
    for (let f = 0; f < this.frames; f += hop) for (let p = 0; p < this.points; p++) {
      const at = 3 * (f * this.points + p), { raw, unit } = this.finished;
      top = Math.max(top, unit * raw[at + 1]);
      wide = Math.max(wide, unit * Math.hypot(raw[at], raw[at + 2]));
    }
    this.middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    this.reach = Math.hypot(high[0] - low[0], high[1] - low[1]) / 2 + wide;
    this.top = top; this.wide = wide;
  }
  /** The path under two running means, so that the camera is calm and does not lag. */
  smoothed(track) {
    const half = Math.max(1, Math.round(0.4 * this.fps)), n = this.frames;
    let path = Float64Array.from(track);
    for (let pass = 0; pass < 2; pass++) {
      const sum = new Float64Array(2 * n + 2), out = new Float64Array(2 * n);
      for (let i = 0; i < 2 * n; i++) sum[i + 2] = sum[i] + path[i];
      for (let f = 0; f < n; f++) {
        const r = Math.min(half, f, n - 1 - f);
        for (const k of [0, 1]) out[2 * f + k] = (sum[2 * (f + r + 1) + k] - sum[2 * (f - r) + k]) / (2 * r + 1);
      }
      path = out;
    }
    return path;
  }
  /** Frames around a time and how far it is between them. */
  frame(time) {
    const where = Math.min(Math.max(time * this.fps, 0), this.frames - 1);
    const low = Math.min(Math.floor(where), Math.max(this.frames - 2, 0));
    return { where, low, high: Math.min(low + 1, this.frames - 1), mix: where - low };
  }
  /** Where a camera that follows looks; the nearest track decides, or two on the way from one to the other. */
  camera(time, level) {
    const below = Math.min(Math.floor(level), this.tracks.length - 1), share = level - below;
    const spot = this.calmSpot(this.tracks[below], time);
    if (share <= 0 || below + 1 >= this.tracks.length) return spot;
    const other = this.calmSpot(this.tracks[below + 1], time);
    return spot.map((value, k) => value + (other[k] - value) * share);
  }
  calmSpot({ calm }, time) {
    const { low, high, mix } = this.frame(time);
    return [0, 1].map(k => calm[2 * low + k] + (calm[2 * high + k] - calm[2 * low + k]) * mix);
  }
  /** The pose at a time; level 1.5 stands half way between tracks 1 and 2. */
  pose(time, level) {
    const below = Math.min(Math.floor(level), this.tracks.length - 1);
    const above = Math.min(below + 1, this.tracks.length - 1), share = level - below;
    const pose = this.sample(this.tracks[below], time);
    if (share > 0 && above > below) {
      const other = this.sample(this.tracks[above], time);
      for (let i = 0; i < pose.points.length; i++) pose.points[i] += (other.points[i] - pose.points[i]) * share;
      for (const k of [0, 1]) pose.ground[k] += (other.ground[k] - pose.ground[k]) * share;
      if (share >= 0.5) { pose.yaw = other.yaw; pose.face = other.face; }
    }
    return pose;
  }
  sample(track, time) {
    const { where, low, high, mix } = this.frame(time), n = 3 * this.points, points = new Float64Array(n);
    const { raw, unit, path } = track;
    const ground = [0, 1].map(k => path[2 * low + k] + (path[2 * high + k] - path[2 * low + k]) * mix);
    for (let i = 0; i < n; i++) {
      const a = raw[low * n + i], k = i % 3;
      points[i] = unit * (a + (raw[high * n + i] - a) * mix) + (k === 1 ? 0 : ground[k >> 1]);
    }
    let yaw = null, face = null;
    if (track.facing) {
      const a = track.facing[low] * Math.PI / STEPS;
      let turn = track.facing[high] * Math.PI / STEPS - a;
      turn -= 2 * Math.PI * Math.round(turn / (2 * Math.PI));
      yaw = a + turn * mix;
    }
    if (track.face) face = [0, 1, 2].map(k => track.face[3 * low + k] * (1 - mix) + track.face[3 * high + k] * mix);
    return { points, ground, yaw, face, where };
  }
}
