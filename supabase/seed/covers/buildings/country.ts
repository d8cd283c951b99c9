import {
  circle,
  darker,
  ellipse,
  faint,
  lighter,
  line,
  path,
  polygon,
  rect,
  times,
} from "../draw.ts";
import { blossom, bush } from "../plants.ts";
import { lamp, smoke } from "../scene.ts";
import {
  arch,
  type Building,
  chimney,
  door,
  gable,
  grid,
  hip,
  pane,
  railing,
  shutters,
  steps,
  wall,
} from "./parts.ts";

/** A low cottage of stone or plaster. */
export const cottage: Building = {
  words: "low cottage with a chimney",
  size: 1.25,
  draw(scene) {
    const { random } = scene;
    const stone = scene.any("#f3ece0", "#e7e2da", "#b9b2a6", "#a9a39c", "#f0e3cf");
    const roof = scene.roof("#b08d54", "#5f6673", "#6b6f78", "#a0573f", "#6d8557");
    const paint = scene.any("#c24f3f", "#2f6fa0", "#3f7f6a", "#d59a35", "#7a4b6b");
    const rough = times(9, () =>
      rect(
        random.between(-100, 84),
        random.between(-66, -10),
        random.between(9, 17),
        6,
        darker(stone, 0.1),
        2,
      ),
    );
    return (
      smoke(scene, 74, -160) +
      chimney(74, -118, darker(stone, 0.15), 40) +
      wall(-112, -74, 224, 74, stone) +
      rough +
      hip(-112, -72, 224, 66, roof, 40) +
      times(2, (index) => {
        const x = -62 + index * 96;
        return (
          gable(x - 5, -84, 38, 24, roof, 4) +
          rect(x, -85, 28, 20, stone) +
          pane(scene, x + 7, -82, 14, 14)
        );
      }) +
      pane(scene, -84, -52, 28, 26) +
      pane(scene, 52, -52, 28, 26) +
      door(scene, -8, 50, paint) +
      bush(
        scene,
        -60,
        2,
        17,
        random.chance(0.5) ? scene.any("#cf7fa6", "#d96a5f", "#e0b04f") : undefined,
      ) +
      bush(scene, 72, 2, 18) +
      blossom(scene, 22, -2, 42)
    );
  },
};

/** A farmhouse of two floors with a wing. */
export const farmhouse: Building = {
  words: "farmhouse with a wing",
  size: 1.2,
  draw(scene) {
    const { random } = scene;
    const plaster = scene.any("#f4ead6", "#e9d3ad", "#b5483a", "#d9c3a0", "#fbf6ec", "#c9a57c");
    const roof = scene.roof("#a8563d", "#7a5a4e", "#5d6470", "#b56a45");
    const slats = scene.any("#5f7fa0", "#4f7a66", "#8a4a42", "#6f8fa8");
    const window = (x: number, y: number) =>
      shutters(x, y, 17, 24, slats) + pane(scene, x, y, 17, 24);
    return (
      smoke(scene, -62, -196) +
      chimney(-62, -164, darker(plaster, 0.2), 34) +
      wall(30, -76, 104, 76, darker(plaster, 0.06)) +
      hip(30, -74, 104, 34, roof, 12) +
      times(2, (index) => arch(scene, 48 + index * 42, -48, 28, 48, darker(plaster, 0.45))) +
      wall(-122, -124, 160, 124, plaster) +
      hip(-122, -122, 160, 54, roof, 30) +
      grid({ columns: 3, floors: 2, x: -102, y: -104, stepX: 52, stepY: 54 }, (x, y) =>
        x === -50 && y === -50 ? "" : window(x, y),
      ) +
      door(scene, -42, 50, darker(slats, 0.15)) +
      (random.chance(0.5) ? blossom(scene, -20, -4, 70) : bush(scene, -8, 2, 18)) +
      bush(scene, -120, 2, 16)
    );
  },
};

/** A barn with a silo. */
export const barn: Building = {
  words: "barn with a silo",
  size: 1.2,
  draw(scene) {
    const red = scene.any("#b0443a", "#a24c3c", "#7f6a58", "#9c5a3f", "#e8ddc8");
    const trim = scene.lit("#faf3e4");
    const roof = scene.roof("#5d636d", "#6f5d57", "#747b80");
    const silo = scene.lit("#b9c0c4");
    return (
      wall(76, -150, 44, 150, silo) +
      path("M76 -150a22 24 0 0 1 44 0Z", lighter(silo, 0.2)) +
      times(4, (index) => rect(76, -120 + index * 32, 44, 2.5, darker(silo, 0.18))) +
      polygon(red, -110, 0, -110, -92, -84, -138, -20, -166, 44, -138, 70, -92, 70, 0) +
      faint(0.1, polygon("#1c2240", 20, 0, 20, -149, 44, -138, 70, -92, 70, 0)) +
      line(roof, 11, -116, -88, -88, -138, -20, -169, 48, -138, 76, -88) +
      rect(-38, -130, 36, 26, scene.glass()) +
      rect(-21, -130, 2, 26, trim) +
      rect(-66, -74, 92, 74, darker(red, 0.3)) +
      rect(-66, -74, 44, 74, red) +
      line(trim, 4, -66, -74, -22, 0, -22, -74, -66, 0, -66, -74, -22, -74) +
      rect(-22, -74, 48, 74, scene.glass(1)) +
      times(3, (index) => rect(-10 + index * 12, -74, 1.6, 74, trim)) +
      line(trim, 3, 26, -74, 26, 0) +
      pane(scene, -98, -56, 20, 24) +
      pane(scene, 38, -56, 20, 24) +
      ellipse(140, -9, 15, 12, scene.lit("#d9b45c")) +
      circle(140, -9, 4, scene.lit("#b98f3f")) +
      bush(scene, -116, 2, 15)
    );
  },
};

/** A cabin of logs with a porch. */
export const logcabin: Building = {
  words: "log cabin with a porch",
  size: 1.22,
  draw(scene) {
    const log = scene.any("#8a5d3c", "#7a5238", "#9c6d45", "#6f5140", "#a3473a");
    const roof = scene.roof("#4f6b5a", "#4d5560", "#7a4a3f", "#5f7f58");
    const lines = (x: number, y: number, w: number, count: number) =>
      times(count, (index) => rect(x, y + index * 12, w, 2.2, darker(log, 0.28)));
    return (
      smoke(scene, 62, -178) +
      chimney(62, -130, scene.lit("#8b8781"), 52) +
      wall(-92, -96, 184, 96, log) +
      lines(-92, -86, 184, 8) +
      polygon(log, -92, -94, 0, -156, 92, -94) +
      lines(-58, -112, 116, 1) +
      line(roof, 13, -112, -82, 0, -160, 112, -82) +
      pane(scene, -15, -132, 30, 24, "#efe2c8") +
      pane(scene, -72, -68, 34, 30, "#efe2c8") +
      pane(scene, 38, -68, 34, 30, "#efe2c8") +
      door(scene, 0, 58, scene.any("#a8402f", "#2f5f6b", "#d39a3f")) +
      rect(-124, -8, 248, 10, darker(log, 0.35)) +
      times(4, (index) =>
        index === 1 ? "" : rect(-120 + index * 77, -60, 6, 54, darker(log, 0.2)),
      ) +
      railing(-120, -28, 82, 22, darker(log, 0.2)) +
      railing(40, -28, 78, 22, darker(log, 0.2)) +
      steps(0, 10, darker(log, 0.3)) +
      lamp(scene, 27, -52)
    );
  },
};

/** A house that is all roof. */
export const aframe: Building = {
  words: "A-frame cabin with a glass front",
  size: 1.15,
  draw(scene) {
    const roof = scene.roof("#3f4a56", "#5b4038", "#2f5a56", "#6b3f36", "#4a5a44");
    const wood = scene.any("#c08a56", "#b37b4c", "#d0a06a");
    return (
      rect(-128, -14, 256, 14, darker(wood, 0.35)) +
      polygon(wood, -98, -14, 0, -196, 98, -14) +
      polygon(scene.glass(1), -62, -76, 0, -178, 62, -76) +
      polygon(scene.glass(1), -84, -66, 84, -66, 84, -14, -84, -14) +
      times(5, (index) => rect(-64 + index * 31, -66, 4, 52, wood)) +
      rect(-2, -178, 4, 104, wood) +
      rect(-90, -76, 180, 10, darker(wood, 0.12)) +
      line(roof, 15, -128, -8, 0, -212, 128, -8) +
      railing(-126, -34, 54, 22, darker(wood, 0.4)) +
      railing(72, -34, 54, 22, darker(wood, 0.4)) +
      steps(0, 14, darker(wood, 0.3)) +
      bush(scene, -138, 2, 15) +
      bush(scene, 140, 2, 18) +
      lamp(scene, -86, -52) +
      lamp(scene, 86, -52)
    );
  },
};

/** An Alpine chalet. */
export const chalet: Building = {
  words: "wide chalet with a carved balcony",
  size: 1.18,
  draw(scene) {
    const wood = scene.any("#8a5638", "#9a6640", "#754a35");
    const white = scene.lit("#f6efe2");
    const flowers = scene.any("#d9414a", "#e0637f", "#e8873f");
    const slats = scene.any("#4a7a52", "#b5453c", "#4d6f8c");
    const roof = scene.roof("#4f3b33", "#5a4a44", "#614236");
    return (
      wall(-118, -72, 236, 72, white) +
      polygon(wood, -118, -70, -118, -116, 0, -172, 118, -116, 118, -70) +
      times(8, (index) =>
        rect(-118, -78 - index * 8, 236 - Math.max(0, index - 5) * 60, 1.6, darker(wood, 0.2)),
      ) +
      line(roof, 13, -148, -104, 0, -178, 148, -104) +
      pane(scene, -14, -148, 28, 24) +
      grid(
        { columns: 3, floors: 1, x: -78, y: -112, stepX: 68, stepY: 1 },
        (x, y) => shutters(x, y, 20, 28, slats) + pane(scene, x, y, 20, 28),
      ) +
      railing(-124, -86, 248, 18, darker(wood, 0.1)) +
      rect(-126, -70, 252, 5, darker(wood, 0.3)) +
      times(12, (index) => circle(-116 + index * 21, -87, 5.5, flowers)) +
      pane(scene, -92, -48, 30, 28) +
      pane(scene, 60, -48, 30, 28) +
      door(scene, 0, 48, darker(wood, 0.1)) +
      bush(scene, -112, 2, 14)
    );
  },
};

/** A flat-roofed house of glass. */
export const modern: Building = {
  words: "modern house of glass and concrete with a pool",
  size: 1.25,
  draw(scene) {
    const { random } = scene;
    const white = scene.any("#f6f3ec", "#e9e5de", "#d9d4cb", "#cfc9c0");
    const wood = scene.any("#b58053", "#8f6a4c", "#a8744f", "#6f6259");
    const wide = random.between(150, 176);
    const shift = random.pick([-1, 1]);
    const upper =
      wall(-wide / 2, -142, wide, 62, white) +
      rect(-wide / 2 - 8, -150, wide + 16, 11, darker(white, 0.16)) +
      rect(-wide / 2 + 10, -130, wide * 0.56, 50, scene.glass(1)) +
      times(3, (index) => rect(-wide / 2 + 10 + index * wide * 0.187, -130, 2, 50, white)) +
      rect(wide / 2 - 50, -126, 34, 30, scene.glass()) +
      railing(-wide / 2 + 6, -96, wide * 0.6, 16, lighter(wood, 0.5));
    return (
      `<g transform="scale(${shift} 1) translate(18 0)">${upper}</g>` +
      wall(-118, -80, 236, 72, wood) +
      times(9, (index) => rect(-112 + index * 9, -80, 1.6, 72, darker(wood, 0.2))) +
      rect(-128, -86, 256, 10, darker(white, 0.1)) +
      rect(-30, -70, 136, 62, scene.glass(1)) +
      times(3, (index) => rect(4 + index * 34, -70, 2.4, 62, white)) +
      rect(-84, -58, 26, 50, darker(wood, 0.4)) +
      rect(-150, -8, 300, 12, lighter(white, 0.3)) +
      path("M-118 10H122L150 30H-150Z", scene.lit("#58c0cc")) +
      faint(0.6, line("#e9fbfa", 2, -96, 16, -40, 16) + line("#e9fbfa", 2, 10, 23, 80, 23)) +
      bush(scene, 132 * shift, -4, 20)
    );
  },
};

/** A white house of cubes. */
export const cube: Building = {
  words: "white cube house",
  size: 1.22,
  draw(scene) {
    const { random } = scene;
    const white = scene.lit("#fbfaf6");
    const shade = darker(white, 0.08);
    const blue = scene.any("#2f6db5", "#3b82b8", "#2d7f93", "#4a6fc0");
    const dome = random.chance(0.6);
    return (
      (dome
        ? rect(-24, -166, 64, 30, white) +
          path("M-24 -164a32 36 0 0 1 64 0Z", blue) +
          rect(6, -216, 4, 20, white)
        : rect(-30, -168, 70, 30, white) + arch(scene, -4, -160, 18, 22, darker(blue, 0.1))) +
      wall(-72, -138, 132, 138, white) +
      wall(-126, -82, 74, 82, shade) +
      wall(44, -98, 86, 98, lighter(shade, 0.3)) +
      rect(-76, -142, 140, 6, shade) +
      rect(40, -102, 94, 6, white) +
      rect(-130, -86, 80, 6, white) +
      times(
        2,
        (index) =>
          arch(scene, -48 + index * 50, -122, 20, 32) + rect(-51 + index * 50, -90, 26, 3, blue),
      ) +
      rect(-104, -58, 20, 24, scene.glass()) +
      rect(-104, -58, 9, 24, blue) +
      pane(scene, 92, -74, 20, 24) +
      times(7, (index) =>
        rect(
          -46 + index * 13,
          -70 + index * 10,
          92 - index * 13,
          11,
          darker(white, 0.05 + index * 0.012),
        ),
      ) +
      arch(scene, 60, -50, 26, 50, blue) +
      rect(-30, -44, 24, 44, blue) +
      blossom(scene, -64, -28, 88) +
      blossom(scene, 126, 0, 58) +
      circle(-96, -6, 8, scene.lit("#c2714a")) +
      bush(scene, -96, -8, 12)
    );
  },
};

/** A villa with a loggia and a pool. */
export const villa: Building = {
  words: "villa with a loggia and a pool",
  size: 1.15,
  draw(scene) {
    const { random } = scene;
    const plaster = scene.any("#f4e3c4", "#eec9a6", "#f0d9b0", "#e9b796", "#f7efe0");
    const roof = scene.roof("#bf6a45", "#b25b3e", "#c77d52");
    const slats = scene.any("#5a8a76", "#6f93a8", "#7c6a52", "#4f7a8a");
    const tower = random.pick([-1, 1]);
    return (
      wall(tower * 84 - 36, -182, 72, 182, plaster) +
      hip(tower * 84 - 36, -180, 72, 26, roof, 24) +
      arch(scene, tower * 84 - 24, -166, 18, 32) +
      arch(scene, tower * 84 + 6, -166, 18, 32) +
      wall(-122, -128, 244, 128, plaster) +
      hip(-122, -126, 244, 36, roof, 44) +
      grid(
        { columns: 4, floors: 1, x: -98, y: -108, stepX: 58, stepY: 1 },
        (x, y) => shutters(x, y, 18, 28, slats) + pane(scene, x, y, 18, 28),
      ) +
      times(5, (index) =>
        arch(
          scene,
          -110 + index * 46,
          -58,
          36,
          52,
          index % 2 ? scene.glass(1) : darker(plaster, 0.4),
        ),
      ) +
      rect(-146, -7, 292, 9, lighter(plaster, 0.4)) +
      path("M-104 9H116L142 30H-136Z", scene.lit("#4fb6c6")) +
      faint(0.6, line("#e9fbfa", 2, -80, 16, -20, 16) + line("#e9fbfa", 2, 20, 23, 90, 23)) +
      bush(scene, -134, 0, 18) +
      blossom(scene, tower * -118, -4, 72)
    );
  },
};

/** Whitewashed rooms under cones of stone. */
export const trullo: Building = {
  words: "trullo under three stone cones",
  size: 1.3,
  draw(scene) {
    const white = scene.lit("#fbf7ee");
    const stone = scene.lit("#8f8a86");
    const cone = (x: number, w: number, h: number) =>
      wall(x - w / 2, -64, w, 64, white) +
      polygon(stone, x - w / 2 - 8, -62, x, -62 - h, x + w / 2 + 8, -62) +
      faint(0.14, polygon("#1c2240", x + 8, -62, x, -62 - h, x + w / 2 + 8, -62)) +
      times(4, (index) => {
        const y = -74 - index * (h / 5);
        const half = (w / 2 + 8) * (1 - (index + 0.6) / 5);
        return rect(x - half, y, half * 2, 2, darker(stone, 0.2));
      }) +
      circle(x, -64 - h, 6, white);
    return (
      cone(-78, 84, 82) +
      cone(76, 88, 90) +
      cone(0, 100, 122) +
      arch(scene, -17, -54, 34, 54, scene.lit("#6f4f3a")) +
      arch(scene, -88, -46, 20, 26) +
      arch(scene, 70, -46, 20, 26) +
      bush(scene, -46, 2, 17) +
      blossom(scene, 42, 0, 44)
    );
  },
};

/** A thatched bungalow on stilts. */
export const bungalow: Building = {
  words: "thatched bungalow on stilts",
  size: 1.15,
  draw(scene) {
    const thatch = scene.roof("#c49a57", "#b3894c", "#a88352", "#8f7347");
    const wood = scene.any("#8d6243", "#77523b", "#a3714a");
    const posts = times(5, (index) => rect(-112 + index * 54, -40, 8, 40, darker(wood, 0.3)));
    return (
      posts +
      rect(-130, -50, 260, 12, darker(wood, 0.15)) +
      rect(-92, -112, 184, 62, wood) +
      times(10, (index) => rect(-88 + index * 19, -112, 1.6, 62, darker(wood, 0.2))) +
      rect(-26, -104, 54, 54, scene.glass(1)) +
      rect(0, -104, 2, 54, wood) +
      pane(scene, -74, -98, 30, 26, "#e0c79a") +
      pane(scene, 46, -98, 30, 26, "#e0c79a") +
      times(4, (index) => rect(-124 + index * 81, -112, 5, 64, darker(wood, 0.25))) +
      railing(-122, -70, 80, 20, darker(wood, 0.2)) +
      railing(40, -70, 82, 20, darker(wood, 0.2)) +
      path("M-150 -104Q-70 -132 -34 -196H34Q70 -132 150 -104Q0 -90 -150 -104Z", thatch) +
      faint(0.13, path("M20 -196H34Q70 -132 150 -104Q90 -98 60 -98Q50 -140 20 -196Z", "#1c2240")) +
      times(9, (index) =>
        line(darker(thatch, 0.2), 1.8, -112 + index * 28, -108, -96 + index * 24, -122),
      ) +
      rect(-38, -200, 76, 9, darker(thatch, 0.25), 4) +
      steps(0, 48, wood) +
      lamp(scene, -40, -88) +
      lamp(scene, 40, -88)
    );
  },
};

/** A boarded house on piles. */
export const beachhouse: Building = {
  words: "boarded house on piles",
  size: 1.2,
  draw(scene) {
    const paint = scene.any("#c94f43", "#6fa7b5", "#e3c07a", "#7fa08a", "#5f86a3", "#b9aa96");
    const trim = scene.lit("#fbf6ea");
    const wood = scene.lit("#8b7460");
    const roof = scene.roof("#5d6672", "#7c5a50", "#4f5a66");
    const boards = times(6, (index) => rect(-90, -122 + index * 13, 180, 1.8, darker(paint, 0.16)));
    return (
      times(5, (index) => rect(-118 + index * 57, -44, 8, 46, darker(wood, 0.2))) +
      line(darker(wood, 0.2), 3, -114, 0, -58, -42, -58, 0, -2, -42) +
      rect(-132, -52, 264, 11, wood) +
      wall(-90, -134, 180, 82, paint) +
      boards +
      gable(-90, -132, 180, 66, roof, 20) +
      polygon(paint, -62, -140, 0, -184, 62, -140) +
      circle(0, -156, 11, trim) +
      circle(0, -156, 8, scene.glass(1)) +
      pane(scene, -72, -116, 36, 34) +
      pane(scene, 36, -116, 36, 34) +
      rect(-20, -112, 40, 60, trim) +
      rect(-17, -109, 34, 57, scene.glass(1)) +
      rect(-1, -109, 2, 57, trim) +
      railing(-130, -74, 104, 22, trim) +
      railing(26, -74, 104, 22, trim) +
      steps(0, 50, wood) +
      lamp(scene, -28, -98)
    );
  },
};
