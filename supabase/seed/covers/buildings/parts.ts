import { darker, faint, lighter, line, path, polygon, rect, times } from "../draw.ts";
import type { Scene } from "../scene.ts";

/**
 * A building stands with the middle of its foot at 0, 0 and rises towards negative y, about 250
 * wide. One that is afloat has its water line there.
 */
export type Building = {
  draw: (scene: Scene) => string;
  words: string;
  afloat?: boolean;
  /** How much a low one is enlarged to fill the picture. */
  size?: number;
};

/** A window with its frame and a cross bar. */
export function pane(scene: Scene, x: number, y: number, w: number, h: number, frame = "#fbf5e8") {
  return (
    rect(x - 2, y - 2, w + 4, h + 4, scene.lit(frame)) +
    rect(x, y, w, h, scene.glass()) +
    rect(x + w / 2 - 0.8, y, 1.6, h, scene.lit(frame))
  );
}

/** A window with a round top. */
export function arch(scene: Scene, x: number, y: number, w: number, h: number, fill?: string) {
  const shape = `M${x} ${y + h}V${y + w / 2}a${w / 2} ${w / 2} 0 0 1 ${w} 0V${y + h}Z`;
  return path(shape, fill ?? scene.glass());
}

/** Windows in `columns` and `floors`, each made by `make`. */
export function grid(
  {
    columns,
    floors,
    x,
    y,
    stepX,
    stepY,
  }: {
    columns: number;
    floors: number;
    x: number;
    y: number;
    stepX: number;
    stepY: number;
  },
  make: (x: number, y: number) => string,
): string {
  return times(columns, (column) =>
    times(floors, (floor) => make(x + column * stepX, y + floor * stepY)),
  );
}

/** Shutters at both sides of a window. */
export function shutters(x: number, y: number, w: number, h: number, fill: string): string {
  return (
    rect(x - w * 0.55, y - 1, w * 0.5, h + 2, fill) +
    rect(x + w * 1.05, y - 1, w * 0.5, h + 2, fill)
  );
}

/** A wall whose one side lies in the shade. */
export function wall(x: number, y: number, w: number, h: number, fill: string): string {
  return rect(x, y, w, h, fill) + faint(0.09, rect(x + w * 0.66, y, w * 0.34, h, "#1c2240"));
}

/** A gabled roof over a wall from `x` that is `w` wide, with its eaves at `y`. */
export function gable(
  x: number,
  y: number,
  w: number,
  h: number,
  fill: string,
  eaves = 10,
): string {
  return (
    polygon(fill, x - eaves, y, x + w / 2, y - h, x + w + eaves, y) +
    faint(0.14, polygon("#1c2240", x + w / 2, y - h, x + w + eaves, y, x + w / 2, y))
  );
}

/** A roof seen from its long side. */
export function hip(x: number, y: number, w: number, h: number, fill: string, slope = 26): string {
  return (
    polygon(fill, x - 10, y, x - 10 + slope, y - h, x + w + 10 - slope, y - h, x + w + 10, y) +
    faint(0.16, rect(x - 10, y - 4, w + 20, 4, "#1c2240"))
  );
}

export function door(scene: Scene, x: number, h: number, fill: string, w = h * 0.52): string {
  return (
    rect(x - w / 2 - 3, -h - 3, w + 6, h + 3, lighter(fill, 0.45)) +
    rect(x - w / 2, -h, w, h, fill) +
    rect(x + w * 0.2, -h * 0.5, 3, 3, scene.lit("#e8c66a"))
  );
}

export function chimney(x: number, y: number, fill: string, h = 26): string {
  return rect(x - 7, y - h, 14, h, fill) + rect(x - 9, y - h, 18, 5, darker(fill, 0.25));
}

/** Battlements along the top of a wall. */
export function battlements(x: number, y: number, w: number, fill: string, size = 10): string {
  const count = Math.floor(w / (size * 1.8));
  const step = (w - size) / Math.max(1, count);
  return times(count + 1, (index) => rect(x + index * step, y - size, size, size + 1, fill));
}

export function railing(x: number, y: number, w: number, h: number, fill: string): string {
  const bars = Math.round(w / 9);
  return (
    rect(x, y, w, 2.5, fill) +
    times(bars + 1, (index) => rect(x + (index * (w - 1.5)) / bars, y, 1.5, h, fill))
  );
}

/** Steps that lead up to `x` from the ground. */
export function steps(x: number, rise: number, fill: string): string {
  const count = Math.max(2, Math.round(rise / 8));
  return times(count, (index) =>
    rect(
      x - 14 - index * 3,
      -rise + (index * rise) / count,
      28 + index * 6,
      rise / count + 0.5,
      darker(fill, index * 0.05),
    ),
  );
}

export function rope(x: number, y: number, toX: number, toY: number, fill: string): string {
  return line(fill, 2, x, y, (x + toX) / 2, (y + toY) / 2 + 9, toX, toY);
}
