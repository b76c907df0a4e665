// What lies on the floor: the body's path as a ribbon, footprints, and an arrow that shows where the body faces.
import {
  BufferAttribute, BufferGeometry, CircleGeometry, Color, DoubleSide, Group, InstancedMesh, Mesh, MeshBasicMaterial, Object3D,
  Shape, ShapeGeometry,
} from "three";

const WIDTH = 0.022;
const SEEN_WIDTH = 0.0026;
const MOST_POINTS = 2000;
const flat = (opacity, order) => {
  const material = new MeshBasicMaterial({ transparent: true, opacity, depthWrite: false, side: DoubleSide });
  return { material, order };
};

function lay(geometry, { material, order }, height) {
  const mesh = new Mesh(geometry, material);
  mesh.position.y = height;
  mesh.renderOrder = order;
  mesh.frustumCulled = false;
  return mesh;
}

/** Path and footprints of one track. */
export class Marks extends Group {
  constructor(track, clip) {
    super();
    this.hop = Math.max(1, Math.ceil(clip.frames / MOST_POINTS));
    this.size = clip.size;
    const geometry = ribbon(track.path, clip.frames, this.hop);
    this.whole = lay(geometry, flat(0.3, -6), 0.004);
    // Both share the points; the part that is done draws only its first triangles.
    this.past = lay(new BufferGeometry().copy(geometry), flat(0.95, -5), 0.006);
    this.past.geometry.setAttribute("position", geometry.getAttribute("position"));
    this.add(this.whole, this.past);
    this.widen(0);
    this.prints = track.footprints;
    this.feet = footprints(this.prints, clip.size);
    if (this.feet) this.add(this.feet);
  }
  show(where) {
    this.past.geometry.setDrawRange(0, 6 * Math.ceil(where / this.hop));
    if (this.feet) {
      let count = 0;
      while (count < this.prints.length && this.prints[count][4] <= where) count++;
      this.feet.count = count;
    }
  }
  /** As wide as is well seen from a distance. */
  widen(distance) {
    const width = Math.max(WIDTH * this.size, SEEN_WIDTH * distance);
    if (this.width && Math.abs(width / this.width - 1) < 0.1) return;
    this.width = width;
    const places = this.whole.geometry.getAttribute("position"), { array } = places, { middle, across } = this.whole.geometry.userData;
    for (let i = 0; i < middle.length; i++) {
      const at = 6 * (i >> 1) + 2 * (i & 1), step = across[i] * width / 2;
      array[at] = middle[i] + step; array[at + 3] = middle[i] - step;
    }
    places.needsUpdate = true;
  }
  paint(ink, sides) {
    this.whole.material.color = ink;
    this.past.material.color = ink;
    this.prints.forEach((print, i) => this.feet.setColorAt(i, sides[print[0]]));
    if (this.feet) this.feet.instanceColor.needsUpdate = true;
  }
}

/** A ribbon along the path, of no width yet: its middle and the direction across, x and z by turns, are kept beside it. */
function ribbon(path, frames, hop) {
  const count = Math.ceil(frames / hop), faces = [];
  const middle = new Float32Array(2 * count), across = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) middle.set([path[2 * i * hop], path[2 * i * hop + 1]], 2 * i);
  let side = [1, 0];
  for (let i = 0; i < count; i++) {
    const before = 2 * Math.max(0, i - 1), after = 2 * Math.min(count - 1, i + 1);
    const x = middle[after] - middle[before], z = middle[after + 1] - middle[before + 1], long = Math.hypot(x, z);
    if (long > 1e-5) side = [z / long, -x / long];
    across.set(side, 2 * i);
    if (i) { const k = 2 * i; faces.push(k - 2, k - 1, k, k, k - 1, k + 1); }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(6 * count), 3));
  geometry.setIndex(faces);
  geometry.userData = { middle, across };
  return geometry;
}

function footprints(prints, size) {
  if (!prints.length) return null;
  const { material, order } = flat(0.5, -7);
  const mesh = new InstancedMesh(new CircleGeometry(1, 20).rotateX(-Math.PI / 2), material, prints.length);
  const place = new Object3D();
  prints.forEach(([, x, z, yaw], i) => {
    place.position.set(x, 0.003, z);
    place.rotation.y = yaw;
    place.scale.set(0.045 * size, 1, 0.125 * size);
    place.updateMatrix();
    mesh.setMatrixAt(i, place.matrix);
    mesh.setColorAt(i, new Color());
  });
  mesh.renderOrder = order;
  mesh.frustumCulled = false;
  return mesh;
}

/** An arrow head on the floor, pointing along +Z at yaw 0. */
export function arrow(size) {
  const shape = new Shape();
  shape.moveTo(-0.055 * size, -0.30 * size);
  shape.lineTo(0, -0.46 * size);
  shape.lineTo(0.055 * size, -0.30 * size);
  shape.lineTo(0, -0.335 * size);
  return lay(new ShapeGeometry(shape).rotateX(-Math.PI / 2), flat(0.9, -4), 0.008);
}
