// How a skeleton is drawn: bones with side and radii, the head, and the size against an adult's (as render/base/body.py).

const RADII = {
  hip: [0.075, 0.085], knee: [0.083, 0.056], ankle: [0.056, 0.036], toes: [0.038, 0.030], spine1: [0.095, 0.090],
  spine2: [0.090, 0.095], spine3: [0.095, 0.095], neck: [0.095, 0.050], head: [0.048, 0.046], collar: [0.085, 0.064],
  shoulder: [0.060, 0.052], elbow: [0.048, 0.038], wrist: [0.038, 0.027],
};
const BEYOND = { wrist: [0.024, 0.018], ankle: [0.034, 0.026], toes: [0.028, 0.022] };
const FINGER = [0.012, 0.009], OTHER = [0.030, 0.022];
const ADULT_THIGH = 0.4;
const LEFT = 0, RIGHT = 1, MIDDLE = 2;

/** {role: joint index} of a skeleton. */
export function roleIndices({ roles = {}, names }) {
  return Object.fromEntries(Object.entries(roles ?? {}).map(([role, name]) => [role, names.indexOf(name)])
    .filter(([, joint]) => joint >= 0));
}

/** Bones [start, end, side, radius, radius], head [joint, tip] or null, the body's joint, and the size. */
export function drawnBody(skeleton) {
  const { parents, offsets } = skeleton, ends = skeleton.ends ?? [], roles = roleIndices(skeleton);
  const part = new Map(Object.entries(roles).map(([role, joint]) => [joint, role.split("_").pop()]));
  const size = bodySize(skeleton, roles);
  const sides = jointSides(parents, roles), below = roleBelow(parents, part);
  const children = parents.map((_, joint) => parents.filter(parent => parent === joint).length);
  const inHead = new Set("head" in roles ? [roles.head] : []);
  parents.forEach((parent, joint) => { if (inHead.has(parent)) inHead.add(joint); });
  const body = roles.hips ?? 0, above = new Set([0]);
  for (let joint = body; joint > 0; joint = parents[joint]) above.add(joint);
  const past = [];
  parents.forEach((parent, joint) => past.push(part.get(joint) ?? (parent >= 0 ? past[parent] : undefined)));
  const scaled = radii => radii.map(radius => radius * size);
  const radiiOf = joint => {
    const parent = parents[joint], before = parent >= 0 ? past[parent] : undefined;
    if (RADII[below[joint]]) return scaled(RADII[below[joint]]);
    const finger = before === "wrist" && (part.get(parent) !== "wrist" || children[parent] > 1);
    return scaled(finger ? FINGER : BEYOND[before] ?? OTHER);
  };
  const bones = parents.map((parent, joint) => [parent, joint, sides[joint], ...radiiOf(joint)])
    .filter(([parent, joint]) => !above.has(joint) && !inHead.has(parent));
  ends.forEach(({ joint }, k) => {
    if (inHead.has(joint)) return;
    const finger = past[joint] === "wrist" && part.get(joint) !== "wrist";
    bones.push([joint, parents.length + k, sides[joint], ...scaled(finger ? FINGER : BEYOND[past[joint]] ?? OTHER)]);
  });
  return { bones, head: headOf(parents, ends, roles), body, size, points: parents.length + ends.length, roles, offsets };
}

function headOf(parents, ends, roles) {
  if (!("head" in roles)) return null;
  const tip = ends.findIndex(end => end.joint === roles.head);
  if (tip >= 0) return [roles.head, parents.length + tip];
  const children = parents.flatMap((parent, joint) => (parent === roles.head ? [joint] : []));
  return [roles.head, children.length === 1 ? children[0] : roles.head];
}

function bodySize({ parents, offsets }, roles) {
  const length = joint => Math.hypot(...offsets[joint]);
  const thighs = ["left_knee", "right_knee"].filter(role => role in roles).map(role => length(roles[role]));
  let size = thighs.reduce((sum, value) => sum + value, 0) / (thighs.length || 1) / ADULT_THIGH;
  if (!thighs.length) {
    const reach = [];
    parents.forEach((parent, joint) => reach.push(parent < 0 ? 0 : reach[parent] + length(joint)));
    size = Math.max(...reach) || 1;
  }
  return Math.min(20, Math.max(0.05, size));
}

function jointSides(parents, roles) {
  const own = new Map(Object.entries(roles).map(([role, joint]) => [joint,
    role.startsWith("left_") ? LEFT : role.startsWith("right_") ? RIGHT : MIDDLE]));
  const sides = [];
  parents.forEach((parent, joint) => sides.push(own.get(joint) ?? (parent >= 0 ? sides[parent] : MIDDLE)));
  return sides;
}

function roleBelow(parents, part) {
  const below = parents.map((_, joint) => part.get(joint) ?? "");
  for (let joint = parents.length - 1; joint > 0; joint--)
    if (below[joint] && !below[parents[joint]]) below[parents[joint]] = below[joint];
  return below;
}
