import type { Random } from "../random.ts";
import {
  circle,
  ellipse,
  faint,
  HEIGHT,
  line,
  mix,
  path,
  rect,
  stroke,
  times,
  WIDTH,
} from "./draw.ts";

type Hour = {
  /** From the zenith to the horizon. */
  sky: [string, string, string];
  /** The colour that the light puts over everything, and how much of it. */
  tint: string;
  strength: number;
  /** Whether people have lit their lamps. */
  lamps: boolean;
  disc: string | null;
  words: string;
};

const HOURS = {
  day: {
    sky: ["#6fb8e4", "#a8d8ee", "#e6f4ee"],
    tint: "#ffffff",
    strength: 0,
    lamps: false,
    disc: "#fff6d2",
    words: "on a clear day",
  },
  dawn: {
    sky: ["#8fb4dd", "#efc3c0", "#fde0bf"],
    tint: "#f0b9b4",
    strength: 0.2,
    lamps: false,
    disc: "#fff1d6",
    words: "at first light",
  },
  golden: {
    sky: ["#79b3cf", "#f6d49a", "#fdd79a"],
    tint: "#f7a648",
    strength: 0.14,
    lamps: false,
    disc: "#fff3cf",
    words: "in evening sun",
  },
  dusk: {
    sky: ["#3b3f7e", "#b1658f", "#f6a987"],
    tint: "#4a3a80",
    strength: 0.31,
    lamps: true,
    disc: "#ffdca8",
    words: "at dusk",
  },
  night: {
    sky: ["#0f1b40", "#23386f", "#4a6196"],
    tint: "#15224f",
    strength: 0.56,
    lamps: true,
    disc: "#f5f0d8",
    words: "at night",
  },
  mist: {
    sky: ["#b3c7cd", "#cfdcdb", "#e8ece4"],
    tint: "#dbe3e1",
    strength: 0.24,
    lamps: true,
    disc: null,
    words: "in the mist",
  },
  aurora: {
    sky: ["#0c1a3a", "#16405a", "#3d7f83"],
    tint: "#12304f",
    strength: 0.5,
    lamps: true,
    disc: null,
    words: "under northern lights",
  },
} satisfies Record<string, Hour>;

export type HourName = keyof typeof HOURS;
export const isHour = (name: string): name is HourName => name in HOURS;

/** The light, the chance and the colours that all parts of one drawing share. */
export class Scene {
  readonly random: Random;
  readonly hour: Hour;
  /** Where snow lies on the roofs and nothing blooms. */
  readonly cold: boolean;
  readonly #name: HourName;
  readonly #snowy: boolean;
  readonly #definitions: string[] = [];

  constructor(random: Random, hour: HourName, snowy = false) {
    this.random = random;
    this.cold = snowy || hour === "aurora";
    this.#snowy = snowy;
    this.#name = hour;
    this.hour = HOURS[hour];
  }

  /** A colour as it looks in this light. */
  lit(colour: string): string {
    return mix(colour, this.hour.tint, this.hour.strength);
  }

  /** The same from afar: 0 is here, 1 is lost in the air. */
  far(colour: string, distance: number): string {
    return mix(this.lit(colour), this.hour.sky[2], distance);
  }

  /** One of the colours, in this light. */
  any(...colours: string[]): string {
    return this.lit(this.random.pick(colours));
  }

  /** The colour of a roof: one of these, or white with snow. */
  roof(...colours: string[]): string {
    const colour = this.any(...colours);
    return this.#snowy ? this.lit("#f1f6fa") : colour;
  }

  /** A colour that runs from top to bottom through `colours`. */
  gradient(...colours: string[]): string {
    const id = `g${this.#definitions.length}`;
    const stops = colours.map((colour, index) => {
      const [plain, opacity] = [colour.slice(0, 7), colour.length > 7 ? 0 : 1];
      return `<stop offset="${index / (colours.length - 1)}" stop-color="${plain}" stop-opacity="${opacity}"/>`;
    });
    this.#definitions.push(
      `<linearGradient id="${id}" x2="0" y2="1">${stops.join("")}</linearGradient>`,
    );
    return `url(#${id})`;
  }

  /** Glass: the sky by day, mostly lamplight when it is dark. */
  glass(lamps = 0.75): string {
    if (this.hour.lamps && this.random.chance(lamps)) {
      return this.random.pick(["#ffd884", "#ffe3a3", "#fbc66d"]);
    }
    return this.lit(this.hour.lamps ? "#4d6384" : this.random.pick(["#87aec0", "#9cc0cc"]));
  }

  sky(): string {
    const { random } = this;
    const [zenith, middle, horizon] = this.hour.sky;
    const parts = [rect(0, 0, WIDTH, HEIGHT, this.gradient(zenith, middle, horizon, horizon))];
    if (["night", "aurora"].includes(this.#name)) parts.push(this.#stars(38));
    if (this.#name === "aurora") parts.push(this.#aurora());
    if (this.hour.disc) parts.push(this.#disc(this.hour.disc));
    if (["day", "golden", "dawn", "dusk"].includes(this.#name)) {
      parts.push(times(random.integer(1, 3), () => this.#cloud()));
    }
    if (this.#name === "day" || this.#name === "golden") parts.push(this.#birds());
    return parts.join("");
  }

  /** What hangs in the air before the distance. */
  haze(): string {
    if (this.#name !== "mist") return "";
    const white = this.gradient("#f1f4ef00", "#f1f4ef", "#f1f4ef00");
    return faint(
      0.75,
      times(3, (band) =>
        ellipse(
          this.random.between(80, WIDTH - 80),
          225 + band * 32,
          this.random.between(240, 380),
          this.random.between(16, 26),
          white,
        ),
      ),
    );
  }

  svg(content: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"><defs>${this.#definitions.join("")}</defs>${content}</svg>`;
  }

  #disc(colour: string): string {
    const high = this.#name === "day" || this.#name === "night";
    const x = this.random.chance(0.5)
      ? this.random.between(60, 170)
      : this.random.between(470, 580);
    const y = high ? this.random.between(55, 95) : this.random.between(120, 185);
    const radius = this.#name === "night" ? 24 : this.random.between(26, 36);
    const glow = faint(0.25, circle(x, y, radius * 1.9, colour));
    const shadow = this.#name === "night" ? circle(x + 9, y - 6, radius * 0.86, "#172850") : "";
    return glow + circle(x, y, radius, colour) + shadow;
  }

  #stars(count: number): string {
    return times(count, () =>
      circle(
        this.random.between(0, WIDTH),
        this.random.between(0, 210),
        this.random.pick([0.9, 1.2, 1.8]),
        "#dfe8f5",
      ),
    );
  }

  #aurora(): string {
    const green = this.gradient("#5df0b000", "#62efb4", "#62efb400");
    const violet = this.gradient("#b58cf000", "#a58af0", "#a58af000");
    const band = (fill: string, top: number) => {
      const [a, b, c] = [0, 1, 2].map(() => top + this.random.between(-35, 35));
      return path(
        `M-20 ${a}C160 ${b! - 60} 260 ${b! + 70} 400 ${c}S600 ${a! - 50} 660 ${b}L660 ${b! + 90}C560 ${a! + 60} 480 ${c! + 60} 400 ${c! + 100}S160 ${b! + 60} -20 ${a! + 110}Z`,
        fill,
      );
    };
    return faint(0.55, band(green, 80) + band(violet, 40) + band(green, 120));
  }

  #cloud(): string {
    const [x, y] = [this.random.between(20, 600), this.random.between(30, 130)];
    const size = this.random.between(0.6, 1.2);
    const white = mix("#ffffff", this.hour.sky[1], 0.25);
    return faint(
      0.7,
      ellipse(x, y, 62 * size, 11 * size, white) +
        ellipse(x - 18 * size, y - 9 * size, 25 * size, 13 * size, white) +
        ellipse(x + 16 * size, y - 7 * size, 30 * size, 11 * size, white),
    );
  }

  #birds(): string {
    const [x, y] = [this.random.between(80, 520), this.random.between(60, 140)];
    const ink = this.lit("#4c5a6b");
    return times(this.random.integer(0, 3), (index) =>
      stroke(`M${x + index * 22} ${y + (index % 2) * 9}q5 -6 9 0q4 -6 9 0`, ink, 1.6),
    );
  }
}

/** A hanging lamp or a lantern that is lit when it is dark. */
export function lamp(scene: Scene, x: number, y: number, radius = 4): string {
  if (!scene.hour.lamps) return circle(x, y, radius, scene.lit("#e9dcc0"));
  return faint(0.3, circle(x, y, radius * 3.2, "#ffdf95")) + circle(x, y, radius, "#ffe7ac");
}

/** Smoke from a chimney. */
export function smoke(scene: Scene, x: number, y: number): string {
  const grey = mix("#ffffff", scene.hour.sky[1], 0.35);
  return faint(
    0.6,
    circle(x + 2, y - 6, 5, grey) +
      circle(x + 8, y - 17, 7, grey) +
      circle(x + 17, y - 31, 9, grey) +
      line(grey, 4, x, y, x + 3, y - 8),
  );
}
