// Colors of the page's style sheet, light or dark, for the 3-D view.
import { Color } from "three";

const NAMES = ["paper", "ink", "faint", "line", "floor", "grid", "left", "right", "middle", "shadow"];

/** Color by name, as the style sheet has it now. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map(name => [name, new Color(style.getPropertyValue(`--${name}`).trim())]));
}

/** A motion's own color when several stand in one view: hues spread so that neighbors in the list differ most. */
export function hue(index, count, dark) {
  return new Color().setHSL((0.58 + index / count) % 1, 0.62, dark ? 0.62 : 0.46);
}
