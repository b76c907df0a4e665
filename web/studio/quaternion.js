// Quaternions [x, y, z, w] and vectors [x, y, z] as plain arrays.

export const IDENTITY = [0, 0, 0, 1];

export const multiply = ([ax, ay, az, aw], [bx, by, bz, bw]) => [
  aw * bx + ax * bw + ay * bz - az * by,
  aw * by - ax * bz + ay * bw + az * bx,
  aw * bz + ax * by - ay * bx + az * bw,
  aw * bw - ax * bx - ay * by - az * bz,
];
export const conjugate = ([x, y, z, w]) => [-x, -y, -z, w];
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const norm = a => Math.hypot(...a);
export const normalized = a => { const n = norm(a) || 1; return a.map(value => value / n); };

/** A vector rotated by a quaternion. */
export function rotate([x, y, z, w], v) {
  const u = [x, y, z], t = scale(cross(u, v), 2);
  return add(add(v, scale(t, w)), cross(u, t));
}

/** The shortest rotation that takes the direction of a to that of b. */
export function between(a, b) {
  const u = normalized(a), v = normalized(b), c = dot(u, v);
  if (c < -0.999999) {
    const side = Math.abs(u[0]) < 0.9 ? cross(u, [1, 0, 0]) : cross(u, [0, 1, 0]);
    return [...normalized(side), 0];
  }
  return normalized([...cross(u, v), 1 + c]);
}
