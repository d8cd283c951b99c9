import { circle, ellipse, line, path, polygon, rect, stroke, times } from "./draw.ts";
import type { Scene } from "./scene.ts";

/** Each plant stands with its foot at `x, y` and is `h` high. */
export type Plant = (scene: Scene, x: number, y: number, h: number, leaf?: string) => string;

export const pine: Plant = (scene, x, y, h, leaf = scene.any("#2f6b57", "#39795b", "#27604f")) => {
  const tier = (top: number, low: number, half: number) =>
    polygon(leaf, x, y - h * top, x + h * half, y - h * low, x - h * half, y - h * low);
  return (
    rect(x - h * 0.035, y - h * 0.16, h * 0.07, h * 0.16, scene.lit("#6b4a35")) +
    tier(0.62, 0.1, 0.26) +
    tier(0.82, 0.36, 0.21) +
    tier(1, 0.6, 0.15)
  );
};

export const snowyPine: Plant = (scene, x, y, h) => {
  const white = scene.lit("#f4f8fb");
  return (
    pine(scene, x, y, h, scene.lit("#3d6a6a")) +
    polygon(white, x, y - h, x + h * 0.08, y - h * 0.79, x - h * 0.07, y - h * 0.82) +
    polygon(white, x + h * 0.21, y - h * 0.36, x + h * 0.08, y - h * 0.52, x, y - h * 0.4) +
    polygon(
      white,
      x - h * 0.25,
      y - h * 0.11,
      x - h * 0.09,
      y - h * 0.3,
      x + h * 0.02,
      y - h * 0.16,
    )
  );
};

export const tree: Plant = (scene, x, y, h, leaf = scene.any("#5f9e57", "#77ab58", "#4e8d5b")) =>
  rect(x - h * 0.045, y - h * 0.45, h * 0.09, h * 0.45, scene.lit("#77543b")) +
  circle(x, y - h * 0.66, h * 0.33, leaf) +
  circle(x - h * 0.2, y - h * 0.5, h * 0.22, leaf) +
  circle(x + h * 0.21, y - h * 0.52, h * 0.23, leaf);

export const cypress: Plant = (scene, x, y, h) =>
  path(
    `M${x} ${y - h}C${x + h * 0.17} ${y - h * 0.55} ${x + h * 0.14} ${y - h * 0.04} ${x} ${y}C${x - h * 0.14} ${y - h * 0.04} ${x - h * 0.17} ${y - h * 0.55} ${x} ${y - h}Z`,
    scene.any("#3f6b4a", "#48734b", "#376348"),
  );

export const palm: Plant = (scene, x, y, h) => {
  const lean = scene.random.between(-0.16, 0.16) * h;
  const [topX, topY] = [x + lean, y - h];
  const leaf = scene.any("#3f8a5c", "#4f9b5e", "#35795a");
  const frond = (dx: number, dy: number) =>
    path(
      `M${topX} ${topY}Q${topX + dx * 0.55} ${topY + dy - h * 0.16} ${topX + dx} ${topY + dy + h * 0.1}Q${topX + dx * 0.5} ${topY + dy - h * 0.02} ${topX} ${topY}Z`,
      leaf,
    );
  const fronds = [
    [0.42, 0.02],
    [0.36, 0.2],
    [0.24, -0.1],
    [-0.42, 0.02],
    [-0.36, 0.2],
    [-0.24, -0.1],
  ];
  return (
    stroke(
      `M${x} ${y}Q${x + lean * 0.1} ${y - h * 0.5} ${topX} ${topY}`,
      scene.lit("#8d6f4f"),
      Math.max(3, h * 0.05),
    ) + fronds.map(([dx, dy]) => frond(dx! * h, dy! * h)).join("")
  );
};

export const acacia: Plant = (scene, x, y, h) => {
  const leaf = scene.any("#6f8a45", "#7d9350", "#5f7d47");
  const bark = scene.lit("#5b4535");
  return (
    line(bark, h * 0.06, x, y, x + h * 0.05, y - h * 0.5, x - h * 0.3, y - h * 0.8) +
    line(bark, h * 0.05, x + h * 0.05, y - h * 0.5, x + h * 0.35, y - h * 0.82) +
    ellipse(x - h * 0.2, y - h * 0.86, h * 0.5, h * 0.12, leaf) +
    ellipse(x + h * 0.28, y - h * 0.9, h * 0.45, h * 0.11, leaf) +
    ellipse(x + h * 0.02, y - h * 0.96, h * 0.34, h * 0.09, leaf)
  );
};

export const bush: Plant = (scene, x, y, h, leaf = scene.any("#5b9457", "#6ea256", "#4c8657")) =>
  path(
    `M${x - h} ${y}A${h * 0.6} ${h * 0.6} 0 0 1 ${x - h * 0.35} ${y - h * 0.65}A${h * 0.5} ${h * 0.5} 0 0 1 ${x + h * 0.5} ${y - h * 0.6}A${h * 0.5} ${h * 0.5} 0 0 1 ${x + h} ${y}Z`,
    leaf,
  );

export const cactus: Plant = (scene, x, y, h) => {
  const green = scene.any("#5c8f62", "#6b9865");
  const width = h * 0.16;
  return (
    line(green, width, x, y, x, y - h * 0.9) +
    line(
      green,
      width * 0.75,
      x,
      y - h * 0.4,
      x - h * 0.26,
      y - h * 0.42,
      x - h * 0.26,
      y - h * 0.7,
    ) +
    line(
      green,
      width * 0.75,
      x,
      y - h * 0.3,
      x + h * 0.24,
      y - h * 0.34,
      x + h * 0.24,
      y - h * 0.56,
    )
  );
};

/** Blossom that climbs on a wall, where it is warm enough. */
export const blossom: Plant = (
  scene,
  x,
  y,
  h,
  leaf = scene.any("#d6538f", "#c94a7d", "#e0709c"),
) => {
  if (scene.cold) return "";
  const green = scene.any("#4f8a52", "#5b9457");
  const dot = (low: number, high: number, fill: string) => {
    const up = scene.random.between(0.08, 0.92);
    const reach = 0.34 - 0.2 * up;
    return circle(
      x + scene.random.between(-reach, reach) * h,
      y - up * h,
      scene.random.between(low, high) * h,
      fill,
    );
  };
  return times(7, () => dot(0.09, 0.15, green)) + times(11, () => dot(0.05, 0.085, leaf));
};

/** A row of plants from `from` to `to`, each a little different. */
export function row(
  scene: Scene,
  plant: Plant,
  { from, to, step, y, h }: { from: number; to: number; step: number; y: number; h: number },
  leaf?: string,
): string {
  const plants: string[] = [];
  for (let x = from; x <= to; x += step * scene.random.between(0.7, 1.3)) {
    const size = h * scene.random.between(0.75, 1.2);
    plants.push(plant(scene, x, y + scene.random.between(-3, 3), size, leaf));
  }
  return plants.join("");
}
