/** The size of a cover, in pixels. */
export const WIDTH = 640;
export const HEIGHT = 427;

/** One decimal is finer than a pixel and keeps the drawings short. */
const short = (value: number) => Math.round(value * 10) / 10;

export function rect(x: number, y: number, w: number, h: number, fill: string, radius = 0): string {
  const corners = radius ? ` rx="${short(radius)}"` : "";
  return `<rect x="${short(x)}" y="${short(y)}" width="${short(w)}" height="${short(h)}" fill="${fill}"${corners}/>`;
}

export function circle(x: number, y: number, radius: number, fill: string): string {
  return ellipse(x, y, radius, radius, fill);
}

export function ellipse(x: number, y: number, rx: number, ry: number, fill: string): string {
  return `<ellipse cx="${short(x)}" cy="${short(y)}" rx="${short(rx)}" ry="${short(ry)}" fill="${fill}"/>`;
}

/** A polygon through `x, y, x, y, …`. */
export function polygon(fill: string, ...points: number[]): string {
  return `<polygon points="${points.map(short).join(" ")}" fill="${fill}"/>`;
}

/** A line through `x, y, x, y, …`. */
export function line(stroke: string, width: number, ...points: number[]): string {
  return `<polyline points="${points.map(short).join(" ")}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`;
}

export function path(d: string, fill: string): string {
  return `<path d="${d.replace(/-?\d+\.\d+/g, (n) => String(short(Number(n))))}" fill="${fill}"/>`;
}

/** A curve that is drawn and not filled. */
export function stroke(d: string, colour: string, width: number): string {
  return `<path d="${d}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round"/>`;
}

export function moved(x: number, y: number, content: string, scale = 1): string {
  return `<g transform="translate(${short(x)} ${short(y)}) scale(${scale})">${content}</g>`;
}

export function faint(opacity: number, content: string): string {
  return `<g opacity="${opacity}">${content}</g>`;
}

/** What `make` draws for 0, 1, … `count` - 1. */
export function times(count: number, make: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => make(index)).join("");
}

/** `a` with the share `t` of `b`; colours are written `#rrggbb`. */
export function mix(a: string, b: string, t: number): string {
  const channel = (colour: string, at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => {
    const value = channel(a, at) + (channel(b, at) - channel(a, at)) * t;
    return Math.round(value).toString(16).padStart(2, "0");
  });
  return `#${mixed.join("")}`;
}

export const darker = (colour: string, t = 0.2) => mix(colour, "#1c2240", t);
export const lighter = (colour: string, t = 0.3) => mix(colour, "#fff8ea", t);
