import { circle, darker, faint, lighter, line, path, polygon, rect, times } from "../draw.ts";
import { blossom, bush, tree } from "../plants.ts";
import { lamp } from "../scene.ts";
import {
  arch,
  type Building,
  door,
  gable,
  grid,
  hip,
  pane,
  railing,
  shutters,
  wall,
} from "./parts.ts";

/** A modern block of flats with balconies. */
export const block: Building = {
  words: "block of flats with balconies",
  draw(scene) {
    const { random } = scene;
    const [main, side] = [
      scene.any("#f0e4d2", "#e9d5bf", "#dfe3df", "#e8c9ae", "#cfdadd"),
      scene.any("#c9745a", "#5f8795", "#d8a45c", "#7c8f78", "#8a6f80"),
    ];
    const floors = random.integer(5, 7);
    const top = -floors * 34 - 14;
    const flat = (x: number, y: number) =>
      rect(x, y, 26, 22, scene.glass(0.6)) +
      rect(x + 12, y, 2, 22, scene.lit("#f6f1e6")) +
      rect(x - 5, y + 14, 36, 10, lighter(side, 0.2)) +
      (random.chance(0.35) ? bush(scene, x + random.between(4, 24), y + 15, 7) : "");
    return (
      wall(-122, top + 62, 66, -top - 62, side) +
      grid({ columns: 2, floors: floors - 2, x: -112, y: top + 80, stepX: 27, stepY: 34 }, (x, y) =>
        pane(scene, x, y, 16, 18),
      ) +
      wall(-60, top, 176, -top, main) +
      rect(-64, top - 6, 184, 8, darker(main, 0.2)) +
      rect(20, top - 30, 54, 24, side) +
      bush(scene, -26, top - 5, 16) +
      grid({ columns: 4, floors: floors - 1, x: -44, y: top + 14, stepX: 42, stepY: 34 }, flat) +
      rect(-60, -36, 176, 36, darker(side, 0.12)) +
      times(3, (index) => rect(-48 + index * 58, -28, 42, 28, scene.glass(0.95)))
    );
  },
};

/** A brick warehouse with a water tower. */
export const loft: Building = {
  words: "brick loft building",
  draw(scene) {
    const { random } = scene;
    const brick = scene.any("#a9573f", "#93503f", "#b36a4a", "#8a5a4c", "#7d5a5e");
    const iron = scene.lit("#353b45");
    const floors = random.integer(4, 5);
    const top = -floors * 44 - 12;
    const factory = (x: number, y: number) =>
      rect(x - 3, y - 3, 44, 33, darker(brick, 0.35)) +
      rect(x, y, 38, 28, scene.glass(0.65)) +
      times(3, (index) => rect(x + 9 + index * 9.5, y, 1.5, 28, iron)) +
      rect(x, y + 12, 38, 1.5, iron);
    const tower =
      line(iron, 3, 52, top, 58, top - 22, 84, top - 22, 90, top) +
      rect(54, top - 54, 34, 34, scene.lit("#86664c"), 2) +
      polygon(iron, 50, top - 53, 71, top - 72, 92, top - 53);
    const fireEscape = times(floors - 1, (index) => {
      const y = top + 48 + index * 44;
      return line(iron, 2.5, -98, y, -46, y, -92, y + 44) + railing(-98, y - 9, 52, 9, iron);
    });
    return (
      tower +
      wall(-114, top, 228, -top, brick) +
      rect(-120, top - 6, 240, 10, lighter(brick, 0.3)) +
      grid({ columns: 4, floors: floors - 1, x: -98, y: top + 16, stepX: 53, stepY: 44 }, factory) +
      rect(-114, -42, 228, 42, darker(brick, 0.3)) +
      times(3, (index) => arch(scene, -98 + index * 52, -36, 40, 36)) +
      door(scene, 84, 34, scene.any("#2f6b6b", "#c7973f", "#35507a")) +
      fireEscape
    );
  },
};

/** A European house of flats with shutters and ironwork. */
export const balconies: Building = {
  words: "old apartment house with iron balconies",
  draw(scene) {
    const { random } = scene;
    const plaster = scene.any("#f2dfbd", "#e8c8a0", "#e6b49a", "#d9d3c2", "#f0d7c0", "#c9d4c5");
    const slats = scene.any("#4d7f7b", "#5b7fa3", "#6f8a5a", "#8c5b4f", "#47648a");
    const roof = scene.roof("#6b7280", "#a8604a", "#7b6a70", "#59667a");
    const columns = random.integer(4, 5);
    const w = columns * 48 + 10;
    const left = -w / 2;
    const top = -190;
    const iron = scene.lit("#343a46");
    const window = (x: number, y: number) =>
      shutters(x, y, 15, 27, slats) +
      rect(x, y, 15, 27, scene.glass()) +
      railing(x - 6, y + 17, 27, 11, iron) +
      (random.chance(0.25) ? bush(scene, x + 7, y + 18, 9, scene.any("#cf5b6b", "#e08a4e")) : "");
    const dormers = times(columns - 1, (index) => {
      const x = left + 38 + index * 48;
      return (
        rect(x, top - 31, 18, 26, lighter(plaster, 0.3)) +
        rect(x + 3, top - 27, 12, 18, scene.glass())
      );
    });
    const awnings = times(columns - 1, (index) => {
      const x = left + 12 + index * ((w - 20) / (columns - 1));
      const cloth = scene.any("#c9584c", "#3f7f74", "#d9a441", "#45659a");
      return (
        rect(x, -32, 38, 32, scene.glass(0.95)) +
        polygon(cloth, x - 3, -36, x + 41, -36, x + 45, -24, x - 7, -24)
      );
    });
    return (
      hip(left, top, w, 38, roof, 18) +
      dormers +
      wall(left, top, w, -top, plaster) +
      rect(left - 5, top - 3, w + 10, 6, lighter(plaster, 0.4)) +
      grid({ columns, floors: 3, x: left + 22, y: top + 14, stepX: 48, stepY: 47 }, window) +
      rect(left, -46, w, 46, darker(plaster, 0.16)) +
      awnings
    );
  },
};

type Front = { x: number; w: number; h: number; paint: string; roof: string; brim: string };

const GABLES = {
  pointed: ({ x, w, h, roof }: Front) => gable(x, -h, w, 46, roof, 3),
  stepped: ({ x, w, h, paint, brim }: Front) =>
    times(4, (step) => rect(x + step * 9, -h - 13 * (step + 1), w - step * 18, 14, paint)) +
    rect(x + 27, -h - 57, w - 54, 5, brim),
  curved: ({ x, w, h, paint, brim }: Front) =>
    path(
      `M${x} ${-h}C${x + w * 0.28} ${-h} ${x + w * 0.12} ${-h - 48} ${x + w * 0.5} ${-h - 52}C${x + w * 0.88} ${-h - 48} ${x + w * 0.72} ${-h} ${x + w} ${-h}Z`,
      paint,
    ) + rect(x - 2, -h - 2, w + 4, 4, brim),
  flat: ({ x, w, h, paint, brim }: Front) =>
    rect(x, -h - 18, w, 20, paint) +
    rect(x - 3, -h - 23, w + 6, 8, brim) +
    rect(x - 1, -h - 2, w + 2, 3, brim),
};

/** Three narrow houses wall to wall, each with one of these gables. */
function rowOfHouses(words: string, gables: (keyof typeof GABLES)[]): Building {
  return {
    words,
    size: 1.12,
    draw(scene) {
      const { random } = scene;
      const first = random.integer(0, PAINTS.length - 1);
      const house = (index: number) => {
        const front = {
          x: -118 + index * 79,
          w: random.between(72, 82),
          h: random.between(128, 172),
          paint: scene.lit(PAINTS[(first + index * 3) % PAINTS.length]!),
          roof: scene.roof("#8d5548", "#5f5a66", "#a3664d"),
          brim: scene.lit("#fbf3e3"),
        };
        const { x, w, h } = front;
        const floors = Math.floor((h - 50) / 38);
        return (
          GABLES[random.pick(gables)](front) +
          wall(x, -h, w, h, front.paint) +
          circle(x + w / 2, -h - 9, 6, scene.glass()) +
          grid({ columns: 2, floors, x: x + 14, y: -h + 14, stepX: w - 47, stepY: 38 }, (px, py) =>
            pane(scene, px, py, 18, 24),
          ) +
          door(scene, x + w * 0.3, 38, scene.any("#3d4f6d", "#7d3b3f", "#2f6a5c", "#55402f")) +
          pane(scene, x + w * 0.55, -34, 22, 22)
        );
      };
      return times(3, house) + bush(scene, 116, 2, 14) + lamp(scene, -122, -62);
    },
  };
}

const PAINTS = [
  "#d98c5f",
  "#7fa6a3",
  "#e3c07a",
  "#b5646a",
  "#8fae8b",
  "#6f8fb5",
  "#dba7a0",
  "#c9b7a0",
];

/** As along the canals of the north. */
export const townhouse = rowOfHouses("row of narrow gabled houses", [
  "pointed",
  "stepped",
  "curved",
]);

/** As in the hills of San Francisco or behind the Table Mountain. */
export const terrace = rowOfHouses("row of painted terraced houses", ["flat", "flat", "pointed"]);

/** An Italian town palace with arches. */
export const palazzo: Building = {
  words: "palazzo with arched windows",
  draw(scene) {
    const { random } = scene;
    const plaster = scene.any("#e5b06a", "#dd9a70", "#e8c897", "#d98d7c", "#e9d8b8");
    const trim = lighter(plaster, 0.55);
    const slats = scene.any("#4f7a5b", "#5c7467", "#75583f");
    const columns = random.integer(4, 5);
    const w = columns * 50 + 12;
    const left = -w / 2;
    const upper = (x: number, y: number) =>
      shutters(x, y, 15, 24, slats) + rect(x, y, 15, 24, scene.glass());
    const noble = (x: number, y: number) =>
      arch(scene, x - 5, y - 5, 25, 43, trim) +
      arch(scene, x, y, 15, 38) +
      rect(x - 8, y + 38, 31, 4, trim);
    return (
      hip(left, -176, w, 24, scene.any("#b5603f", "#a9573f", "#c07048"), 34) +
      (random.chance(0.6)
        ? rect(left + 30, -226, 44, 38, plaster) +
          gable(left + 30, -226, 44, 14, scene.lit("#b5603f"), 6) +
          arch(scene, left + 37, -216, 12, 24) +
          arch(scene, left + 56, -216, 12, 24)
        : "") +
      wall(left, -176, w, 176, plaster) +
      rect(left, -126, w, 4, trim) +
      rect(left, -58, w, 4, trim) +
      grid({ columns, floors: 1, x: left + 24, y: -162, stepX: 50, stepY: 1 }, upper) +
      grid({ columns, floors: 1, x: left + 24, y: -112, stepX: 50, stepY: 1 }, noble) +
      times(columns, (index) =>
        arch(
          scene,
          left + 18 + index * 50,
          -42,
          27,
          42,
          index === 1 ? darker(slats, 0.2) : undefined,
        ),
      ) +
      (random.chance(0.6) ? blossom(scene, left + 12, -2, 90) : tree(scene, left + 2, 4, 62))
    );
  },
};

/** A Kyoto town house. */
export const machiya: Building = {
  words: "wooden town house with lattices and a tiled roof",
  size: 1.15,
  draw(scene) {
    const wood = scene.any("#6b4a38", "#5c4438", "#77553c");
    const tile = scene.roof("#4d5a69", "#515c63", "#5b5f70");
    const paper = scene.hour.lamps ? "#ffe3a8" : scene.lit("#f6ecd6");
    const roof = (y: number, w: number, h: number) =>
      path(
        `M${-w / 2 - 26} ${y}Q${-w / 2} ${y - 6} ${-w / 2 + 22} ${y - h}H${w / 2 - 22}Q${w / 2} ${y - 6} ${w / 2 + 26} ${y}Z`,
        tile,
      ) + rect(-w / 2 + 16, y - h - 5, w - 32, 7, darker(tile, 0.25), 3);
    const lattice = (x: number, y: number, w: number, h: number) =>
      rect(x, y, w, h, paper) +
      times(Math.round(w / 6), (index) => rect(x + index * 6 + 2, y, 2, h, wood)) +
      rect(x, y + h / 2, w, 2, wood);
    const petals = scene.any("#e8a3b4", "#d96a4a", "#e7b2a0", "#c9503f");
    return (
      rect(-84, -152, 168, 60, scene.lit("#efe2c8")) +
      lattice(-66, -136, 132, 30) +
      roof(-150, 178, 40) +
      rect(-116, -78, 232, 78, wood) +
      rect(-116, -78, 232, 12, darker(wood, 0.25)) +
      lattice(-104, -58, 66, 46) +
      lattice(-30, -62, 56, 62) +
      lattice(38, -58, 66, 46) +
      roof(-78, 240, 26) +
      rect(-124, -4, 248, 6, darker(wood, 0.35)) +
      faint(0.35, circle(112, -56, 16, paper)) +
      rect(106, -66, 12, 18, scene.hour.lamps ? "#ff9d5c" : scene.lit("#d3573f"), 5) +
      tree(scene, -148, 6, 120, petals)
    );
  },
};
