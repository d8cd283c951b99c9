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
  stroke,
  times,
} from "../draw.ts";
import { blossom, bush } from "../plants.ts";
import { lamp, type Scene, smoke } from "../scene.ts";
import {
  arch,
  type Building,
  battlements,
  chimney,
  door,
  gable,
  grid,
  hip,
  pane,
  railing,
  rope,
  wall,
} from "./parts.ts";

/** A house of clay with courtyards, as in Morocco. */
export const riad: Building = {
  words: "clay house with arches and battlements",
  size: 1.15,
  draw(scene) {
    const clay = scene.any("#d58f62", "#c97f56", "#d9a173", "#c4785f", "#d7b38a");
    const dark = darker(clay, 0.18);
    const green = scene.any("#3f8f84", "#2f7d95", "#4f8f6a", "#3f6fa3");
    const slit = (x: number, y: number) => arch(scene, x, y, 12, 22);
    return (
      wall(34, -178, 74, 178, dark) +
      battlements(34, -178, 74, dark) +
      grid({ columns: 2, floors: 2, x: 50, y: -158, stepX: 28, stepY: 38 }, slit) +
      wall(-70, -140, 130, 140, clay) +
      battlements(-70, -140, 130, clay) +
      grid({ columns: 3, floors: 1, x: -50, y: -122, stepX: 38, stepY: 1 }, slit) +
      wall(-128, -92, 76, 92, lighter(clay, 0.12)) +
      battlements(-128, -92, 76, lighter(clay, 0.12)) +
      wall(40, -86, 90, 86, lighter(clay, 0.06)) +
      battlements(40, -86, 90, lighter(clay, 0.06)) +
      arch(scene, -36, -84, 62, 84, scene.lit("#f3dfbd")) +
      arch(scene, -28, -74, 46, 74, darker(clay, 0.5)) +
      arch(scene, -20, -60, 30, 60, green) +
      slit(-106, -62) +
      slit(-82, -62) +
      slit(66, -58) +
      slit(94, -58) +
      lamp(scene, -44, -60) +
      lamp(scene, 36, -60) +
      blossom(scene, 118, -2, 60) +
      bush(scene, -58, 3, 14)
    );
  },
};

/** An Indian merchant's house. */
export const haveli: Building = {
  words: "haveli with domed pavilions",
  size: 1.12,
  draw(scene) {
    const pink = scene.any("#dd9480", "#e3ab84", "#d98a72", "#ecc79b");
    const pale = lighter(pink, 0.6);
    const pavilion = (x: number, y: number, w: number) =>
      rect(x - w / 2, y - 30, 5, 30, pale) +
      rect(x + w / 2 - 5, y - 30, 5, 30, pale) +
      rect(x - w / 2 - 5, y - 34, w + 10, 6, pale) +
      path(
        `M${x - w / 2} ${y - 34}C${x - w / 2} ${y - 62} ${x - 4} ${y - 62} ${x} ${y - 74}C${x + 4} ${y - 62} ${x + w / 2} ${y - 62} ${x + w / 2} ${y - 34}Z`,
        pink,
      );
    const bay = (x: number, y: number) =>
      arch(scene, x - 5, y - 5, 30, 44, pale) +
      arch(scene, x, y, 20, 38) +
      rect(x - 8, y + 36, 36, 6, pale, 2);
    return (
      pavilion(-96, -154, 40) +
      pavilion(96, -154, 40) +
      pavilion(0, -178, 58) +
      wall(-122, -154, 244, 154, pink) +
      rect(-44, -178, 88, 30, pink) +
      rect(-128, -158, 256, 6, pale) +
      rect(-128, -90, 256, 5, pale) +
      grid({ columns: 5, floors: 1, x: -104, y: -138, stepX: 47, stepY: 1 }, bay) +
      arch(scene, -34, -80, 68, 80, pale) +
      arch(scene, -26, -70, 52, 70, darker(pink, 0.5)) +
      arch(scene, -16, -54, 32, 54, scene.any("#7a4a35", "#3f7d7d")) +
      grid({ columns: 2, floors: 1, x: -106, y: -60, stepX: 40, stepY: 1 }, bay) +
      grid({ columns: 2, floors: 1, x: 46, y: -60, stepX: 40, stepY: 1 }, bay) +
      lamp(scene, -42, -46) +
      lamp(scene, 42, -46)
    );
  },
};

function roundTower(
  scene: Scene,
  x: number,
  w: number,
  h: number,
  stone: string,
  roof: string,
): string {
  const flag = scene.any("#d2524a", "#e0a83f", "#4f7fb5");
  const top = -h - w * 1.05;
  return (
    wall(x - w / 2, -h, w, h, stone) +
    rect(x - w / 2 - 4, -h, w + 8, 9, lighter(stone, 0.2)) +
    polygon(roof, x - w / 2 - 8, -h, x, top, x + w / 2 + 8, -h) +
    faint(0.15, polygon("#1c2240", x, -h, x, top, x + w / 2 + 8, -h)) +
    rect(x - 1, top - 20, 2, 22, darker(stone, 0.4)) +
    polygon(flag, x + 1, top - 20, x + 19, top - 14, x + 1, top - 8) +
    times(Math.floor(h / 52), (index) => arch(scene, x - 6, -h + 22 + index * 46, 12, 24))
  );
}

/** A castle with towers. */
export const castle: Building = {
  words: "castle with pointed towers",
  draw(scene) {
    const { random } = scene;
    const stone = scene.any("#d9cdbd", "#c5b9ab", "#b5aeb0", "#e3d3b8", "#c9bfc4");
    const roof = scene.roof("#4f6785", "#7d4a55", "#566a6a", "#8a5a48", "#5a5680");
    const h = () => random.between(128, 176);
    return (
      roundTower(
        scene,
        random.between(-40, 40),
        46,
        random.between(180, 205),
        darker(stone, 0.1),
        roof,
      ) +
      wall(-84, -128, 168, 128, darker(stone, 0.05)) +
      hip(-84, -126, 168, 40, roof, 26) +
      grid({ columns: 4, floors: 1, x: -62, y: -108, stepX: 40, stepY: 1 }, (x, y) =>
        arch(scene, x, y, 14, 28),
      ) +
      roundTower(scene, -102, 50, h(), stone, roof) +
      roundTower(scene, 102, 50, h(), stone, roof) +
      wall(-78, -64, 156, 64, stone) +
      battlements(-78, -64, 156, stone) +
      arch(scene, -24, -54, 48, 54, darker(stone, 0.35)) +
      arch(scene, -18, -46, 36, 46, scene.lit("#6f4c36")) +
      lamp(scene, -36, -36) +
      lamp(scene, 36, -36) +
      bush(scene, -60, 3, 16) +
      bush(scene, 66, 3, 14)
    );
  },
};

/** A square tower with a low wing. */
export const towerhouse: Building = {
  words: "square stone tower",
  draw(scene) {
    const stone = scene.any("#b3a48f", "#a39c92", "#c2ab8a", "#9a948f");
    const roof = scene.roof("#8a5a48", "#5f6570", "#7a5d50");
    const side = scene.random.pick([-1, 1]);
    const rough = times(12, () =>
      rect(
        scene.random.between(-40, 28),
        scene.random.between(-200, -20),
        13,
        6,
        darker(stone, 0.12),
        2,
      ),
    );
    const wing =
      wall(side > 0 ? 36 : -140, -74, 104, 74, lighter(stone, 0.12)) +
      hip(side > 0 ? 36 : -140, -72, 104, 40, roof, 22) +
      chimney(side * 112, -104, darker(stone, 0.2), 20) +
      pane(scene, side * 76 - 12, -50, 22, 24) +
      pane(scene, side * 114 - 12, -50, 22, 24);
    return (
      wing +
      wall(-48, -218, 96, 218, stone) +
      rough +
      rect(-56, -226, 112, 14, darker(stone, 0.08)) +
      battlements(-56, -226, 112, darker(stone, 0.08), 13) +
      times(3, (index) => arch(scene, -8 + (index - 1) * 18, -186 + index * 46, 16, 28)) +
      arch(scene, -17, -50, 34, 50, scene.lit("#6b4a35")) +
      lamp(scene, 27, -36) +
      bush(scene, -54, 3, 17) +
      bush(scene, side * 130, 3, 16)
    );
  },
};

export const lighthouse: Building = {
  words: "lighthouse and keeper’s house",
  size: 1.12,
  draw(scene) {
    const white = scene.lit("#fbf7ee");
    const red = scene.any("#c9483f", "#2f5f8a");
    const beam = scene.hour.lamps
      ? faint(0.3, polygon("#ffedb0", 46, -222, -300, -280, -300, -190))
      : "";
    const band = (low: number, high: number, fill: string) => {
      const half = (y: number) => 30 - y * 0.055;
      return polygon(
        fill,
        46 - half(low),
        -low,
        46 - half(high),
        -high,
        46 + half(high),
        -high,
        46 + half(low),
        -low,
      );
    };
    return (
      beam +
      band(0, 205, white) +
      band(40, 82, red) +
      band(124, 166, red) +
      rect(20, -212, 52, 8, scene.lit("#39424d")) +
      rect(30, -236, 32, 26, scene.hour.lamps ? "#ffe9a8" : scene.lit("#bcd8dd")) +
      path("M26 -236a20 20 0 0 1 40 0Z", red) +
      arch(scene, 39, -108, 14, 26) +
      arch(scene, 39, -60, 14, 26) +
      chimney(-92, -92, white, 28) +
      wall(-124, -66, 146, 66, white) +
      hip(-124, -64, 146, 42, red, 24) +
      pane(scene, -104, -46, 24, 24) +
      pane(scene, -22, -46, 24, 24) +
      door(scene, -52, 44, darker(red, 0.1)) +
      bush(scene, 92, 3, 16)
    );
  },
};

export const windmill: Building = {
  words: "windmill and the miller’s house",
  size: 1.08,
  draw(scene) {
    const brick = scene.lit("#9c6248");
    const thatch = scene.lit("#7f6a4e");
    const sail = (angle: number) =>
      `<g transform="translate(-34 -176) rotate(${angle})">${rect(-2, -104, 4, 104, scene.lit("#4f3f35"))}${rect(2, -100, 18, 76, scene.lit("#f3ead6"))}${times(4, (index) => rect(2, -100 + index * 25, 18, 1.8, scene.lit("#8a7460")))}</g>`;
    const turn = scene.random.between(15, 40);
    return (
      polygon(thatch, -84, -66, -58, -176, -10, -176, 16, -66) +
      polygon(brick, -90, 0, -82, -68, 14, -68, 22, 0) +
      path("M-64 -174Q-34 -224 -4 -174Z", darker(thatch, 0.25)) +
      railing(-104, -84, 140, 16, scene.lit("#f3ead6")) +
      rect(-106, -68, 144, 6, scene.lit("#5f4a3c")) +
      pane(scene, -44, -128, 18, 22) +
      door(scene, -34, 44, scene.lit("#3f7a66")) +
      times(4, (index) => sail(turn + index * 90)) +
      circle(-34, -176, 6, scene.lit("#4f3f35")) +
      wall(52, -58, 92, 58, brick) +
      hip(52, -56, 92, 44, scene.lit("#b56a45"), 20) +
      pane(scene, 66, -40, 20, 22) +
      pane(scene, 110, -40, 20, 22) +
      bush(scene, 40, 3, 16)
    );
  },
};

/** Glass under the stars. */
export const dome: Building = {
  words: "glass dome",
  size: 1.3,
  draw(scene) {
    const frame = scene.lit("#e9f1f5");
    const warm = scene.hour.lamps ? "#ffdf9c" : scene.lit("#a9cfd9");
    const shell = "M-96 0A96 96 0 0 1 96 0Z";
    const ribs = [
      "M-96 0A96 96 0 0 1 96 0",
      "M-50 0A50 96 0 0 1 50 0",
      "M0 0V-96",
      "M-88 -38H88",
      "M-66 -70H66",
    ];
    return (
      faint(0.1, circle(0, -40, 118, warm) + circle(0, -40, 134, warm)) +
      wall(84, -56, 52, 56, scene.lit("#8a5d3c")) +
      gable(84, -56, 52, 26, scene.lit("#f2f6fa"), 8) +
      door(scene, 110, 40, scene.lit("#a8402f")) +
      path(shell, warm) +
      faint(0.5, path("M-96 0A96 96 0 0 1 0 -96A120 120 0 0 0 -70 0Z", "#fff3d4")) +
      rect(-58, -22, 76, 16, scene.lit("#c96a5a"), 5) +
      rect(-62, -30, 24, 14, "#fdf6e6", 5) +
      ribs.map((rib) => stroke(rib, frame, 3)).join("") +
      rect(-112, -6, 262, 8, scene.lit("#f4f8fb"), 4)
    );
  },
};

export const tent: Building = {
  words: "canvas tent with a veranda",
  size: 1.3,
  draw(scene) {
    const canvas = scene.any("#efdcb8", "#e8cfa0", "#e3c49a");
    const stripe = scene.any("#b5573f", "#8a6a48", "#3f7f7a");
    const inside = scene.hour.lamps ? "#ffcf7d" : darker(canvas, 0.55);
    return (
      rect(-134, -9, 268, 11, scene.lit("#8a6646")) +
      polygon(inside, -92, -9, -92, -80, 0, -132, 92, -80, 92, -9) +
      rect(-34, -36, 72, 18, scene.lit("#f7efe0"), 4) +
      rect(-34, -28, 72, 14, stripe, 3) +
      path("M-92 -9V-82L-6 -132Q-34 -60 -64 -9Z", canvas) +
      path("M92 -9V-82L6 -132Q34 -60 64 -9Z", darker(canvas, 0.08)) +
      path("M-142 -66Q-70 -96 0 -150Q70 -96 142 -66Q70 -82 0 -126Q-70 -82 -142 -66Z", stripe) +
      path(
        "M-142 -66Q-70 -92 0 -158Q70 -92 142 -66Q70 -86 0 -134Q-70 -86 -142 -66Z",
        lighter(canvas, 0.2),
      ) +
      times(2, (index) => rect(-128 + index * 252, -70, 4, 64, scene.lit("#6f4f38"))) +
      rope(-126, -66, -158, 2, scene.lit("#8f7350")) +
      rope(126, -66, 158, 2, scene.lit("#8f7350")) +
      lamp(scene, -108, -44) +
      lamp(scene, 108, -44) +
      ellipse(-150, 6, 16, 5, scene.lit("#7a6a58")) +
      (scene.hour.lamps
        ? path("M-160 4Q-156 -18 -150 -22Q-144 -14 -140 4Z", "#f79a4d") +
          path("M-154 4Q-151 -8 -149 -11Q-146 -5 -145 4Z", "#ffd977")
        : "")
    );
  },
};

export const treehouse: Building = {
  words: "treehouse among the branches",
  draw(scene) {
    const { random } = scene;
    const bark = scene.any("#6f4e38", "#7a5a40", "#5f4a3c");
    const leaf = scene.random.pick(["#4f8f5a", "#639a55", "#3f8062", "#6f9a4c"]);
    const wood = scene.any("#b5804f", "#a3714a", "#8d6243", "#c09060");
    const roof = scene.roof("#5a4a44", "#8a4a3c", "#3f6a60", "#4d5868");
    const crown = (spots: number[][], colour: string) =>
      spots
        .map(([x, y, radius]) => circle(x! + random.between(-8, 8), y!, radius!, scene.lit(colour)))
        .join("");
    const ladder = random.chance(0.55)
      ? line(bark, 3.5, 44, 2, 34, -92) +
        line(bark, 3.5, 64, 2, 54, -92) +
        times(8, (index) =>
          line(bark, 3, 44 - index * 1.2, -6 - index * 11, 63 - index * 1.2, -6 - index * 11),
        )
      : path("M60 -92Q130 -84 190 -30V-24Q130 -76 60 -84Z", wood) +
        rope(64, -114, 190, -50, darker(wood, 0.3)) +
        times(4, (index) =>
          rect(84 + index * 26, -104 + index * 15, 2, 24 - index, darker(wood, 0.3)),
        );
    return (
      crown(
        [
          [-70, -206, 66],
          [66, -212, 70],
          [0, -250, 66],
        ],
        darker(leaf, 0.18),
      ) +
      path(
        "M-26 4Q-12 -60 -18 -130L-60 -190L-48 -196L0 -150L44 -204L56 -196L20 -128Q14 -50 34 4Q0 -4 -26 4Z",
        bark,
      ) +
      rect(-92, -98, 176, 11, darker(wood, 0.3)) +
      line(bark, 6, -66, -88, -18, -48) +
      line(bark, 6, 62, -88, 18, -48) +
      wall(-70, -160, 128, 64, wood) +
      times(6, (index) => rect(-70 + index * 22, -160, 1.8, 64, darker(wood, 0.2))) +
      gable(-70, -158, 128, 54, roof, 16) +
      circle(-6, -176, 9, scene.glass(1)) +
      pane(scene, -54, -144, 30, 26) +
      rect(10, -146, 28, 50, scene.any("#2f6b6b", "#c25b45", "#d9a23f")) +
      railing(-90, -120, 34, 22, darker(wood, 0.3)) +
      railing(46, -120, 36, 22, darker(wood, 0.3)) +
      ladder +
      crown(
        [
          [-104, -178, 40],
          [104, -186, 44],
          [-52, -262, 42],
          [58, -268, 44],
        ],
        leaf,
      ) +
      lamp(scene, -80, -110) +
      lamp(scene, 50, -134) +
      bush(scene, -44, 5, 20) +
      bush(scene, 48, 6, 15)
    );
  },
};

export const houseboat: Building = {
  words: "houseboat",
  size: 1.12,
  afloat: true,
  draw(scene) {
    const { random } = scene;
    const hull = scene.any("#2f4a63", "#8a3f3a", "#2f6a62", "#4a3f55", "#3d4a3f");
    const cabin = scene.any("#e8d3a8", "#b5794f", "#dfe3df", "#c96a52", "#8fb0a8");
    const reflection = faint(
      0.28,
      path("M-140 8Q0 26 140 8L120 36Q0 46 -120 36Z", darker(hull, 0.3)),
    );
    return (
      reflection +
      path("M-156 -34L-136 8H134Q156 -8 164 -38Z", hull) +
      line(scene.lit("#f3ead6"), 4, -152, -28, 160, -30) +
      wall(-112, -92, 210, 60, cabin) +
      rect(-120, -99, 226, 9, darker(cabin, 0.25)) +
      grid({ columns: 3, floors: 1, x: -96, y: -78, stepX: 44, stepY: 1 }, (x, y) =>
        pane(scene, x, y, 30, 26),
      ) +
      rect(40, -82, 24, 50, scene.any("#2f6b6b", "#c7573f", "#d9a441")) +
      circle(82, -64, 11, scene.lit("#fbf5e8")) +
      circle(82, -64, 8, scene.glass()) +
      (random.chance(0.6)
        ? rect(-66, -134, 92, 36, lighter(cabin, 0.3)) +
          rect(-72, -140, 104, 7, darker(cabin, 0.3)) +
          rect(-58, -128, 76, 22, scene.glass(1)) +
          rect(-21, -128, 2, 22, cabin)
        : railing(-110, -118, 140, 20, scene.lit("#fbf5e8")) +
          bush(scene, -86, -98, 15) +
          bush(scene, -8, -98, 12)) +
      bush(scene, 74, -98, 13, scene.any("#cf5b6b", "#e08a4e", "#5f9a58")) +
      rect(104, -124, 4, 92, scene.lit("#6f5440")) +
      polygon(scene.any("#d2524a", "#e0a83f", "#f3ead6"), 108, -124, 136, -116, 108, -106) +
      smoke(scene, -92, -124) +
      rect(-96, -120, 8, 24, scene.lit("#4d4642")) +
      times(
        3,
        (index) =>
          circle(-84 + index * 84, -14, 8, scene.lit("#2b2f36")) +
          circle(-84 + index * 84, -14, 3.5, hull),
      ) +
      lamp(scene, -122, -62)
    );
  },
};

export const narrowboat: Building = {
  words: "narrowboat",
  afloat: true,
  draw(scene) {
    const green = scene.any("#2f6a52", "#7d2f3a", "#2c4f7c");
    const gold = scene.lit("#e3b04b");
    return (
      faint(0.28, path("M-180 8Q0 20 180 8L160 30H-160Z", darker(green, 0.4))) +
      path("M-192 -34L-182 8H178L196 -36Z", scene.lit("#23282f")) +
      wall(-150, -74, 300, 42, green) +
      rect(-156, -80, 312, 8, scene.lit("#b5453c")) +
      rect(-150, -38, 300, 3, gold) +
      times(
        6,
        (index) =>
          circle(-122 + index * 49, -56, 13, gold) +
          circle(-122 + index * 49, -56, 10, scene.glass()),
      ) +
      smoke(scene, -96, -108) +
      rect(-101, -104, 10, 26, scene.lit("#23282f")) +
      bush(scene, -30, -79, 12, scene.lit("#cf5b6b")) +
      bush(scene, 40, -79, 12, scene.lit("#e3b04b")) +
      bush(scene, 84, -79, 10) +
      line(scene.lit("#23282f"), 4, 186, -36, 204, -58)
    );
  },
};

/** A wooden sailing ship with two masts. */
export const ketch: Building = {
  words: "wooden sailing ship with two masts",
  afloat: true,
  draw(scene) {
    const hull = scene.any("#6f4530", "#7d4f36", "#f1ece0");
    const sail = scene.any("#f3e6cc", "#c9644a", "#f7f1e4");
    const wood = scene.lit("#5a3d2c");
    const jib = (x: number, y: number, w: number, h: number) =>
      path(`M${x} ${y}Q${x + w * 0.55} ${y + h * 0.45} ${x + w} ${y + h}H${x}Z`, sail);
    return (
      faint(0.28, path("M-130 8Q0 24 130 8L110 34Q0 44 -110 34Z", darker(hull, 0.3))) +
      rect(-52, -228, 5, 190, wood) +
      rect(46, -196, 5, 160, wood) +
      jib(-46, -222, 82, 158) +
      jib(52, -190, 74, 128) +
      polygon(sail, -54, -206, -54, -66, -128, -62) +
      path("M-176 -58L-126 8H118Q146 -8 166 -50L120 -36H-110Z", hull) +
      line(scene.lit("#f3ead6"), 3, -150, -30, 150, -32) +
      rect(-20, -58, 110, 24, lighter(wood, 0.35)) +
      times(4, (index) => rect(-10 + index * 25, -52, 14, 12, scene.glass(0.9))) +
      line(wood, 3, -176, -58, -206, -68) +
      lamp(scene, 98, -60)
    );
  },
};

/** A barge under a woven roof, as on the rivers of Asia. */
export const ricebarge: Building = {
  words: "river barge under a woven roof",
  afloat: true,
  size: 1.1,
  draw(scene) {
    const wood = scene.any("#5f4030", "#6f4a33", "#4f3a30");
    const cane = scene.any("#c99f5c", "#b98d52", "#d3ac6c");
    const opening = (x: number) =>
      arch(scene, x - 3, -70, 36, 38, darker(cane, 0.25)) + arch(scene, x, -66, 30, 34);
    return (
      faint(0.28, path("M-150 8Q0 24 150 8L126 34Q0 44 -126 34Z", darker(wood, 0.3))) +
      path(
        "M-196 -64Q-170 -30 -140 8H138Q172 -30 198 -68Q160 -36 120 -34H-120Q-160 -36 -196 -64Z",
        wood,
      ) +
      path("M-126 -34Q-128 -104 -64 -116H62Q126 -104 124 -34Z", cane) +
      times(7, (index) =>
        stroke(
          `M${-96 + index * 32} -34V${-104 - Math.min(index, 6 - index) * 4}`,
          darker(cane, 0.16),
          2,
        ),
      ) +
      stroke("M-124 -60H122", darker(cane, 0.16), 2) +
      path("M-66 -114Q0 -146 64 -114Z", darker(cane, 0.12)) +
      times(4, (index) => opening(-104 + index * 58)) +
      lamp(scene, -138, -58) +
      lamp(scene, 138, -58) +
      bush(scene, 152, -38, 10, scene.lit("#d96a5f"))
    );
  },
};
