// The floor: 1 m squares that fade out around the camera's middle, and the plane that catches shadows.
import { DoubleSide, Mesh, PlaneGeometry, ShaderMaterial, ShadowMaterial, Vector2 } from "three";

const VERTEX = `
  varying vec2 place;
  void main() {
    vec4 world = modelMatrix * vec4(position, 1.0);
    place = world.xz;
    gl_Position = projectionMatrix * viewMatrix * world;
  }`;

const FRAGMENT = `
  uniform vec3 floorColor, gridColor;
  uniform vec2 middle;
  uniform float reach, square;
  varying vec2 place;
  float lines(vec2 p, float width) {
    vec2 wide = fwidth(p) * width;
    vec2 near = abs(fract(p - 0.5) - 0.5);
    vec2 ink = (1.0 - smoothstep(wide * 0.5, wide * 1.5, near)) * (1.0 - smoothstep(0.15, 0.5, fwidth(p)));
    return max(ink.x, ink.y);
  }
  void main() {
    float fade = 1.0 - smoothstep(0.25, 1.0, length(place - middle) / reach);
    vec2 p = place / square;
    float ink = max(0.75 * lines(p, 1.0), lines(p / 5.0, 1.2));
    gl_FragColor = vec4(mix(floorColor, gridColor, ink), fade * mix(0.8, 1.0, ink));
    #include <colorspace_fragment>
  }`;

export class Ground {
  constructor(scene) {
    const uniforms = {
      floorColor: { value: null }, gridColor: { value: null }, middle: { value: new Vector2() },
      reach: { value: 10 }, square: { value: 1 },
    };
    this.uniforms = uniforms;
    const side = DoubleSide;
    this.shadows = new ShadowMaterial({ transparent: true, opacity: 0.28, depthWrite: false });
    const floor = new ShaderMaterial({
      uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT, transparent: true, depthWrite: false, side,
    });
    this.planes = [floor, this.shadows].map((material, order) => {
      const plane = new Mesh(new PlaneGeometry(2, 2).rotateX(-Math.PI / 2), material);
      plane.renderOrder = order - 10;
      plane.frustumCulled = false;
      scene.add(plane);
      return plane;
    });
    this.planes[1].receiveShadow = true;
  }
  paint(color, dark) {
    this.uniforms.floorColor.value = color.floor;
    this.uniforms.gridColor.value = color.grid;
    this.shadows.color = color.shadow;
    this.shadows.opacity = dark ? 0.5 : 0.26;
  }
  /** Follow the middle of the view: the squares stay where they are in the world. */
  place(x, z, reach) {
    this.uniforms.middle.value.set(x, z);
    this.uniforms.reach.value = reach;
    // Views of a whole field would be all lines: ten times larger squares then.
    this.uniforms.square.value = 10 ** Math.max(0, Math.ceil(Math.log10(reach / 120)));
    for (const plane of this.planes) { plane.position.set(x, 0, z); plane.scale.set(reach, 1, reach); }
  }
}
