import {
  circle,
  darker,
  ellipse,
  faint,
  HEIGHT,
  lighter,
  line,
  path,
  polygon,
  rect,
  stroke,
  times,
  WIDTH,
} from "./draw.ts";
import {
  acacia,
  bush,
  cactus,
  cypress,
  type Plant,
  palm,
  pine,
  row,
  snowyPine,
  tree,
} from "./plants.ts";
import type { Scene } from "./scene.ts";

/** What lies behind a home and before it, the ground on which it stands, and where that is. */
type Landscape = { back: string; front: string; ground: number; words: string };
type Draw = (scene: Scene, afloat: boolean) => Landscape;

const GROUND = 334;

/** A line of hills (or, sharp, of peaks) from edge to edge, filled to the bottom. */
function ridge(
  scene: Scene,
  fill: string,
  { y, height, step, sharp = false }: { y: number; height: number; step: number; sharp?: boolean },
): string {
  const points: [number, number][] = [];
  for (let x = -step, up = scene.random.chance(0.5); x <= WIDTH + step * 2; x += step, up = !up) {
    points.push([
      x + scene.random.between(-0.25, 0.25) * step,
      y - (up ? scene.random.between(0.55, 1) : scene.random.between(0, 0.35)) * height,
    ]);
  }
  const [first, ...rest] = points;
  const way = sharp
    ? rest.map(([px, py]) => `L${px} ${py}`)
    : rest.slice(0, -1).map(([px, py], index) => {
        const [nx, ny] = rest[index + 1]!;
        return `Q${px} ${py} ${(px + nx) / 2} ${(py + ny) / 2}`;
      });
  return path(
    `M${first![0]} ${HEIGHT}L${first!.join(" ")}${way.join("")}L${WIDTH} ${HEIGHT}Z`,
    fill,
  );
}

/** One peak with snow on it. */
function peak(scene: Scene, x: number, base: number, h: number, rock: string): string {
  const half = h * scene.random.between(0.75, 0.95);
  const white = scene.far("#f6f8fa", 0.12);
  const top = base - h;
  return (
    polygon(rock, x - half, base, x, top, x + half, base) +
    polygon(darker(rock, 0.12), x, top, x + half, base, x + half * 0.1, base) +
    polygon(
      white,
      ...[x, top, x + half * 0.3, top + h * 0.3, x + half * 0.14, top + h * 0.25],
      ...[x + half * 0.02, top + h * 0.36, x - half * 0.12, top + h * 0.24],
      ...[x - half * 0.28, top + h * 0.28],
    )
  );
}

/** Water from `y` down, with the light on it. */
function water(scene: Scene, y: number, colour: string): string {
  const top = scene.far(colour, 0.45);
  const glints = times(9, () => {
    const depth = scene.random.between(0.05, 0.95);
    const x = scene.random.between(20, WIDTH - 60);
    const length = scene.random.between(18, 50) * (0.4 + depth);
    const at = y + 6 + depth * (HEIGHT - y - 12);
    return line(lighter(top, 0.5), 2, x, at, x + length, at);
  });
  return (
    rect(0, y, WIDTH, HEIGHT - y, scene.gradient(top, scene.lit(colour))) + faint(0.45, glints)
  );
}

/** The ground before a home, with something growing at both sides. */
function lawn(scene: Scene, colour: string, plants: Plant[], h: number): string {
  const { random } = scene;
  const side = (low: number, high: number) =>
    times(random.integer(1, 2), () =>
      random.pick(plants)(
        scene,
        random.between(low, high),
        GROUND + random.between(6, 22),
        h * random.between(0.75, 1.15),
      ),
    );
  return path(
    `M0 ${GROUND + 6}Q160 ${GROUND - 12} 330 ${GROUND - 4}T${WIDTH} ${GROUND + 2}V${HEIGHT}H0Z`,
    scene.gradient(scene.lit(colour), scene.lit(darker(colour, 0.28))),
  ).concat(side(24, 110), side(530, 616));
}

function tufts(scene: Scene, colour: string): string {
  return times(7, () => {
    const [x, y] = [scene.random.between(10, 630), scene.random.between(372, 420)];
    return line(scene.lit(colour), 2, x - 5, y - 8, x, y, x + 1, y - 11, x + 2, y, x + 7, y - 7);
  });
}

const hills: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#8fb58a", 0.55), { y: 250, height: 70, step: 150 }) +
    ridge(scene, scene.far("#7fae72", 0.25), { y: 285, height: 70, step: 190 }) +
    row(scene, tree, { from: 20, to: 620, step: 110, y: 292, h: 26 }, scene.far("#5d9165", 0.2)) +
    lawn(scene, "#83b062", [tree, bush], 84),
  front: tufts(scene, "#5f8f4c"),
  ground: GROUND,
  words: "among green hills",
});

const fields: Draw = (scene) => {
  const stripe = (index: number) => {
    const x = index * 107;
    const colour = scene.far(["#d9bf6b", "#a9b862", "#c9a955"][index % 3]!, 0.12);
    return polygon(
      colour,
      x,
      268,
      x + 70,
      268,
      x + (x - 290) * 0.6 + 92,
      345,
      x + (x - 320) * 0.6,
      345,
    );
  };
  return {
    back:
      ridge(scene, scene.far("#8ea884", 0.5), { y: 262, height: 42, step: 160 }) +
      rect(0, 262, WIDTH, 90, scene.far("#c4b45f", 0.15)) +
      times(7, stripe) +
      row(scene, tree, { from: 10, to: 630, step: 62, y: 272, h: 24 }, scene.far("#6d8a5a", 0.2)) +
      lawn(scene, "#b3a858", [tree, bush], 78),
    front: tufts(scene, "#8c8544"),
    ground: GROUND,
    words: "among fields and old trees",
  };
};

/** Rows that run from the distance to the eye. */
function rows(scene: Scene, soil: string, leaf: string, top: number): string {
  return (
    rect(0, top, WIDTH, HEIGHT - top, scene.far(soil, 0.1)) +
    times(13, (index) => {
      const x = 320 + (index - 6) * 34;
      const low = 320 + (index - 6) * 150;
      return polygon(scene.lit(leaf), x - 4, top, x + 4, top, low + 34, HEIGHT, low - 34, HEIGHT);
    })
  );
}

const vineyard: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#9db48a", 0.5), { y: 245, height: 75, step: 170 }) +
    ridge(scene, scene.far("#8aa86c", 0.25), { y: 282, height: 55, step: 210 }) +
    row(scene, cypress, { from: 40, to: 620, step: 130, y: 282, h: 44 }) +
    rows(scene, "#c9ac70", scene.random.pick(["#7c9a4e", "#86a054"]), 290) +
    cypress(scene, scene.random.between(30, 80), 345, 120) +
    cypress(scene, scene.random.between(560, 610), 348, 128),
  front: "",
  ground: GROUND + 6,
  words: "among rows of vines",
});

const lavender: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#8aa0b0", 0.5), { y: 240, height: 70, step: 170 }) +
    ridge(scene, scene.far("#8fae7e", 0.25), { y: 276, height: 45, step: 200 }) +
    rows(scene, "#b7a07a", "#8d6fb4", 284) +
    tree(scene, 52, 346, 100) +
    cypress(scene, 590, 346, 116),
  front: "",
  ground: GROUND + 6,
  words: "in lavender fields",
});

const mountains: Draw = (scene) => {
  const { random } = scene;
  const rock = scene.far(random.pick(["#7c8ba3", "#8a92a0", "#75859c"]), 0.3);
  return {
    back:
      ridge(scene, scene.far("#8796ad", 0.6), { y: 220, height: 110, step: 70, sharp: true }) +
      peak(scene, random.between(90, 190), 300, random.between(170, 225), rock) +
      peak(scene, random.between(450, 560), 300, random.between(185, 245), rock) +
      peak(scene, random.between(270, 390), 300, random.between(130, 175), darker(rock, 0.08)) +
      ridge(scene, scene.far("#6d9a72", 0.22), { y: 305, height: 40, step: 160 }) +
      row(scene, pine, { from: 0, to: 640, step: 34, y: 332, h: 50 }, scene.far("#3d7a63", 0.2)) +
      lawn(scene, "#7fae63", [pine], 104),
    front: tufts(scene, "#5b8c4e"),
    ground: GROUND,
    words: "below snowy peaks",
  };
};

const forest: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#7fa394", 0.6), { y: 230, height: 60, step: 150 }) +
    row(scene, pine, { from: -10, to: 650, step: 30, y: 300, h: 130 }, scene.far("#5f917d", 0.5)) +
    rect(0, 290, WIDTH, 60, scene.far("#5f917d", 0.45)) +
    row(scene, pine, { from: -10, to: 650, step: 40, y: 346, h: 165 }, scene.far("#417a66", 0.25)) +
    lawn(scene, "#6f9a5b", [pine], 190),
  front: tufts(scene, "#4d7d48"),
  ground: GROUND,
  words: "in a forest",
});

const fjord: Draw = (scene) => {
  const { random } = scene;
  const rock = scene.far("#5f7285", 0.25);
  const cliff = (side: -1 | 1, reach: number, top: number, fill: string) => {
    const x = (offset: number) => 320 + side * offset;
    return polygon(
      fill,
      ...[x(340), top, x(270), top - 14, x(230), top + 34, x(190), top + 48],
      ...[x(150), top + 105, x(reach + 30), 240, x(reach), 268, x(340), 268],
    );
  };
  return {
    back:
      ridge(scene, scene.far("#7d90a3", 0.55), { y: 250, height: 140, step: 90, sharp: true }) +
      cliff(-1, random.between(20, 80), random.between(70, 110), rock) +
      cliff(1, random.between(20, 80), random.between(50, 95), darker(rock, 0.1)) +
      water(scene, 266, "#3f7690") +
      lawn(scene, "#7d9c66", [pine, bush], 70),
    front: tufts(scene, "#5d8050"),
    ground: GROUND,
    words: "by a fjord",
  };
};

/** Sand by the sea; with palms where it is warm, else with grass. */
const shore =
  (sand: string, palms: boolean, words: string): Draw =>
  (scene) => {
    const { random } = scene;
    const plant = palms ? palm : bush;
    const h = palms ? 165 : 40;
    return {
      back:
        ridge(scene, scene.far("#7ea79a", 0.45), { y: 232, height: 34, step: 180 }) +
        water(scene, 228, random.pick(["#2f93ad", "#3aa0a8", "#3187b0"])) +
        path(
          `M0 330Q180 298 360 312T${WIDTH} 306V${HEIGHT}H0Z`,
          scene.gradient(scene.lit(sand), scene.lit(darker(sand, 0.16))),
        ) +
        faint(0.7, stroke(`M0 329Q180 297 360 311T${WIDTH} 305`, "#ffffff", 3)) +
        plant(scene, random.between(46, 100), 352, h * random.between(0.9, 1.2)) +
        plant(scene, random.between(545, 600), 356, h * random.between(0.9, 1.2)),
      front: palms
        ? bush(scene, random.pick([30, 610]), 430, 58)
        : tufts(scene, "#9aa468") + tufts(scene, "#8a9760"),
      ground: GROUND + 6,
      words,
    };
  };

const coast: Draw = (scene) => {
  const { random } = scene;
  const rock = scene.far("#8d8a80", 0.25);
  return {
    back:
      water(scene, 216, random.pick(["#356f96", "#2f7d9b", "#41789a"])) +
      path("M640 190C590 178 560 196 540 222C520 240 470 246 440 262L640 300Z", rock) +
      path("M640 186C590 172 556 190 536 216L640 226Z", scene.far("#7fa364", 0.2)) +
      lawn(scene, random.pick(["#86ab66", "#93ad6a", "#7da465"]), [bush], 34),
    front: tufts(scene, "#65894e"),
    ground: GROUND,
    words: "on a rocky coast",
  };
};

const cliffs: Draw = (scene) => {
  const { random } = scene;
  const rock = scene.far(random.pick(["#b59a7d", "#a58f7c", "#b8a78c"]), 0.15);
  const tower = (x: number, w: number, top: number) =>
    path(
      `M${x} 290L${x + w * 0.1} ${top + 40}Q${x + w * 0.3} ${top - 10} ${x + w * 0.55} ${top}T${x + w * 0.92} ${top + 50}L${x + w} 290Z`,
      rock,
    ) +
    path(
      `M${x + w * 0.08} ${top + 44}Q${x + w * 0.3} ${top - 22} ${x + w * 0.55} ${top - 8}T${x + w * 0.95} ${top + 54}Q${x + w * 0.5} ${top + 30} ${x + w * 0.08} ${top + 44}Z`,
      scene.far("#6f9a62", 0.15),
    );
  return {
    back:
      water(scene, 236, "#2f8aa3") +
      tower(random.between(-30, 20), 150, random.between(90, 130)) +
      tower(random.between(480, 530), 160, random.between(70, 120)) +
      tower(random.between(170, 240), 90, random.between(150, 175)) +
      path(`M0 340Q120 306 320 318T${WIDTH} 312V${HEIGHT}H0Z`, scene.lit("#8aa668")) +
      path(`M0 400Q160 380 330 392T${WIDTH} 384V${HEIGHT}H0Z`, scene.lit("#a5927a")),
    front: bush(scene, 40, 400, 40) + bush(scene, 606, 396, 44),
    ground: GROUND + 6,
    words: "among cliffs above the sea",
  };
};

const islands: Draw = (scene, afloat) => {
  const { random } = scene;
  const islet = (x: number, y: number, w: number, distance: number) =>
    path(
      `M${x - w} ${y}Q${x - w * 0.6} ${y - w * 0.42} ${x - w * 0.1} ${y - w * 0.34}T${x + w} ${y}Z`,
      scene.far("#6f8f72", distance),
    );
  return {
    back:
      islet(random.between(60, 200), 222, 120, 0.55) +
      islet(random.between(430, 580), 222, 140, 0.5) +
      water(scene, 220, random.pick(["#2c7fae", "#3287a8", "#2a76a4"])) +
      islet(random.between(500, 600), 258, 70, 0.2) +
      islet(random.between(30, 120), 270, 60, 0.15) +
      (afloat ? "" : lawn(scene, random.pick(["#b9a888", "#c2b190", "#a9a67f"]), [bush], 32)),
    front: afloat ? ripples(scene) : "",
    ground: afloat ? 352 : GROUND,
    words: "among islands",
  };
};

function ripples(scene: Scene): string {
  const pale = lighter(scene.lit("#7fb0c0"), 0.3);
  return faint(
    0.6,
    times(7, () => {
      const [x, y] = [scene.random.between(60, 560), scene.random.between(362, 420)];
      return stroke(`M${x} ${y}q10 -5 20 0t20 0`, pale, 2);
    }),
  );
}

const lake: Draw = (scene, afloat) => {
  const { random } = scene;
  const hill = scene.far(random.pick(["#6f9a86", "#7a9f7e", "#6c93a0"]), 0.45);
  return {
    back:
      ridge(scene, scene.far("#8aa3b2", 0.6), { y: 215, height: 100, step: 130 }) +
      ridge(scene, hill, { y: 240, height: 55, step: 160 }) +
      water(scene, 236, random.pick(["#4b8ba3", "#4f93a0", "#477f9f"])) +
      (afloat ? "" : lawn(scene, "#7fa763", [pine, tree], 120)),
    front: afloat ? ripples(scene) : reeds(scene),
    ground: afloat ? 352 : GROUND,
    words: "by a lake",
  };
};

function reeds(scene: Scene): string {
  const side = scene.random.pick([30, 560]);
  return times(7, (index) => {
    const x = side + index * 8 + scene.random.between(-3, 3);
    const h = scene.random.between(34, 58);
    return (
      line(scene.lit("#587f4a"), 2, x, HEIGHT, x + 2, HEIGHT - h) +
      ellipse(x + 2, HEIGHT - h, 2.6, 8, scene.lit("#7a5638"))
    );
  });
}

const river: Draw = (scene, afloat) => {
  const { random } = scene;
  const bank = scene.far("#7fa873", 0.2);
  return {
    back:
      ridge(scene, scene.far("#93ad9a", 0.55), { y: 240, height: 50, step: 150 }) +
      row(scene, tree, { from: 0, to: 640, step: 48, y: 266, h: 56 }, scene.far("#6b9b74", 0.35)) +
      rect(0, 262, WIDTH, 16, bank) +
      water(scene, 274, random.pick(["#4f8f94", "#5a90a0", "#5d8f84"])) +
      (afloat ? "" : lawn(scene, "#86ad63", [tree, bush], 96)),
    front: afloat ? ripples(scene) + reeds(scene) : reeds(scene),
    ground: afloat ? 350 : GROUND,
    words: "by a slow river",
  };
};

/** Houses wall to wall, seen from afar. */
function street(
  scene: Scene,
  {
    y,
    low,
    high,
    gables,
    colours,
    distance,
  }: {
    y: number;
    low: number;
    high: number;
    gables: boolean;
    colours: string[];
    distance: number;
  },
): string {
  const houses: string[] = [];
  for (let x = -10; x < WIDTH; ) {
    const w = scene.random.between(38, 66);
    const h = scene.random.between(low, high);
    const wall = scene.far(scene.random.pick(colours), distance);
    const roof = scene.far(scene.random.pick(["#a85f4a", "#8a5a52", "#7b5d63"]), distance);
    houses.push(rect(x, y - h, w + 1, h + 40, wall));
    if (gables)
      houses.push(polygon(roof, x - 2, y - h, x + w / 2, y - h - w * 0.5, x + w + 2, y - h));
    houses.push(
      times(2, (column) =>
        times(3, (floor) =>
          rect(
            x + w * (0.2 + column * 0.38),
            y - h + 12 + floor * 24,
            w * 0.2,
            12,
            scene.hour.lamps && scene.random.chance(0.4) ? "#f5d08a" : darker(wall, 0.22),
          ),
        ),
      ),
    );
    x += w;
  }
  return houses.join("");
}

const canal: Draw = (scene, afloat) => {
  const colours = ["#c98d6f", "#d9b98c", "#a86f5e", "#cfc3a8", "#8f6a5c", "#b9a07f"];
  const houses = street(scene, {
    y: 262,
    low: 70,
    high: 112,
    gables: true,
    colours,
    distance: 0.42,
  });
  const quay =
    rect(0, 300, WIDTH, 52, scene.lit("#b8a793")) + rect(0, 346, WIDTH, 10, scene.lit("#8f7f70"));
  return {
    back:
      houses +
      row(scene, tree, { from: 20, to: 640, step: 120, y: 292, h: 62 }) +
      (afloat
        ? rect(0, 282, WIDTH, 18, scene.lit("#a3917f")) + water(scene, 298, "#4c7d80")
        : quay + water(scene, 356, "#4c7d80")),
    front: afloat ? ripples(scene) : bollards(scene),
    ground: afloat ? 362 : 344,
    words: "by a canal",
  };
};

function bollards(scene: Scene): string {
  return times(5, (index) => rect(40 + index * 138, 338, 9, 18, scene.lit("#4d463f"), 3));
}

const city: Draw = (scene) => {
  const { random } = scene;
  const towers = (distance: number, low: number, high: number) => {
    const blocks: string[] = [];
    for (let x = -10; x < WIDTH; ) {
      const w = random.between(34, 70);
      const h = random.between(low, high);
      const wall = scene.far(random.pick(["#7f93ab", "#8e9db0", "#7a8aa0"]), distance);
      blocks.push(rect(x, 320 - h, w, h, wall));
      if (random.chance(0.25)) blocks.push(rect(x + w / 2 - 1.5, 302 - h, 3, 20, wall));
      if (distance < 0.5) {
        const glow = scene.hour.lamps ? "#f3d493" : lighter(wall, 0.3);
        blocks.push(
          times(5, () =>
            rect(
              x + random.pick([0.2, 0.45, 0.7]) * w,
              326 - h + random.integer(0, 6) * 20,
              7,
              9,
              glow,
            ),
          ),
        );
      }
      x += w + random.between(2, 12);
    }
    return blocks.join("");
  };
  return {
    back:
      towers(0.66, 110, 210) +
      towers(0.4, 70, 150) +
      rect(0, 316, WIDTH, 24, scene.lit("#93a97c")) +
      rect(0, 336, WIDTH, 91, scene.lit("#a9a5a5")) +
      rect(0, 366, WIDTH, 61, scene.lit("#6d7079")) +
      times(7, (index) => rect(20 + index * 96, 394, 46, 4, scene.lit("#d9d4c4"))) +
      tree(scene, random.between(40, 100), 346, 96) +
      tree(scene, random.between(540, 604), 346, 104),
    front: lampPost(scene, random.pick([140, 505])),
    ground: 346,
    words: "in a city",
  };
};

function lampPost(scene: Scene, x: number): string {
  const iron = scene.lit("#3d434c");
  const glow = scene.hour.lamps ? faint(0.3, circle(x, 268, 20, "#ffe3a0")) : "";
  return (
    rect(x - 2, 272, 4, 88, iron) +
    rect(x - 6, 356, 12, 5, iron) +
    glow +
    circle(x, 268, 7, scene.hour.lamps ? "#ffeab5" : scene.lit("#f2ecda"))
  );
}

const rooftops: Draw = (scene) => {
  const { random } = scene;
  const spire = (x: number, top: number) => {
    const stone = scene.far("#c2ae92", 0.4);
    return random.chance(0.5)
      ? rect(x, top + 46, 26, 160, stone) +
          polygon(scene.far("#7f6f74", 0.35), x - 3, top + 46, x + 13, top, x + 29, top + 46)
      : rect(x - 14, top + 64, 58, 140, stone) +
          path(`M${x - 14} ${top + 64}a29 32 0 0 1 58 0Z`, scene.far("#7fa39a", 0.35)) +
          rect(x + 13, top + 16, 4, 18, stone);
  };
  const colours = ["#e6cfae", "#d9b892", "#e8d9c2", "#cfa988", "#dcc7b5"];
  return {
    back:
      ridge(scene, scene.far("#9db1ac", 0.6), { y: 215, height: 50, step: 170 }) +
      spire(random.between(60, 150), random.between(80, 120)) +
      spire(random.between(460, 550), random.between(95, 130)) +
      street(scene, { y: 250, low: 34, high: 70, gables: true, colours, distance: 0.5 }) +
      street(scene, { y: 300, low: 30, high: 66, gables: true, colours, distance: 0.22 }) +
      rect(0, 326, WIDTH, 101, scene.lit("#c7b49a")) +
      times(14, () =>
        rect(random.between(0, 620), random.between(350, 415), 26, 5, scene.lit("#b5a189"), 2),
      ),
    front: lampPost(scene, random.pick([96, 545])),
    ground: GROUND + 10,
    words: "among old rooftops",
  };
};

/** Sand and rock, and what little grows there. */
const dry =
  (plant: Plant, h: number): Draw =>
  (scene) => {
    const { random } = scene;
    return {
      back:
        ridge(scene, scene.far("#c58f6b", 0.5), {
          y: 245,
          height: 70,
          step: 120,
          sharp: random.chance(0.4),
        }) +
        ridge(scene, scene.far("#dfae73", 0.25), { y: 280, height: 60, step: 200 }) +
        ridge(scene, scene.far("#e5b97e", 0.08), { y: 322, height: 40, step: 260 }) +
        rect(0, 330, WIDTH, 97, scene.gradient(scene.lit("#e9c48b"), scene.lit("#cf9f66"))) +
        plant(scene, random.between(40, 110), 350, h * random.between(0.85, 1.1)) +
        plant(scene, random.between(535, 600), 356, h * random.between(0.9, 1.2)),
      front: bush(scene, random.pick([60, 590]), 412, 22, scene.lit("#8f9a5c")),
      ground: GROUND + 6,
      words: "in the desert",
    };
  };

const savanna: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#9c9a80", 0.55), { y: 260, height: 50, step: 190 }) +
    rect(0, 258, WIDTH, 169, scene.gradient(scene.far("#d9b866", 0.3), scene.lit("#b98f45"))) +
    acacia(scene, scene.random.between(60, 120), 288, 74) +
    acacia(scene, scene.random.between(500, 580), 300, 110),
  front: tufts(scene, "#8f6d33") + tufts(scene, "#a98442"),
  ground: GROUND + 4,
  words: "on the savanna",
});

const jungle: Draw = (scene, afloat) => {
  const { random } = scene;
  const leaf = (x: number, y: number, turn: number) =>
    `<g transform="translate(${x} ${y}) rotate(${turn})">${path("M0 0C30 -46 96 -54 150 -20C100 6 40 18 0 0Z", scene.lit("#2c6b4b"))}${line(scene.lit("#4c9468"), 2.5, 4, -2, 140, -20)}</g>`;
  return {
    back:
      ridge(scene, scene.far("#6fa287", 0.6), { y: 210, height: 90, step: 110 }) +
      row(
        scene,
        tree,
        { from: -10, to: 650, step: 48, y: 288, h: 140 },
        scene.far("#57967a", 0.45),
      ) +
      rect(0, 262, WIDTH, 90, scene.far("#4d8c6e", 0.34)) +
      row(scene, palm, { from: 20, to: 640, step: 120, y: 300, h: 150 }) +
      row(
        scene,
        tree,
        { from: -10, to: 650, step: 58, y: 330, h: 116 },
        scene.far("#3f8161", 0.22),
      ) +
      (afloat ? water(scene, 306, "#3d5f58") : lawn(scene, "#5f9453", [bush, palm], 90)),
    front:
      leaf(-30, 425, -12) +
      leaf(-20, 440, -40) +
      `<g transform="translate(640 0) scale(-1 1)">${leaf(-30, random.between(410, 430), -18)}</g>`,
    ground: afloat ? 358 : GROUND,
    words: "in the rainforest",
  };
};

/** Fields in steps, for rice or for tea. */
const stepped =
  (plant: Plant, words: string): Draw =>
  (scene) => {
    const bands = times(7, (index) => {
      const y = 246 + index * 16;
      const sag = scene.random.between(-16, 16);
      const colour = ["#8fbf6a", "#6fa65a", "#a5cc7c"][index % 3]!;
      const edge = scene.far("#577f48", 0.2);
      return (
        path(`M0 ${y}Q200 ${y + sag} 330 ${y - 6}T${WIDTH} ${y - sag}V${HEIGHT}H0Z`, edge) +
        path(
          `M0 ${y + 4}Q200 ${y + sag + 4} 330 ${y - 2}T${WIDTH} ${y - sag + 4}V${HEIGHT}H0Z`,
          scene.far(colour, 0.28 - index * 0.04),
        )
      );
    });
    return {
      back:
        ridge(scene, scene.far("#7fa79c", 0.6), { y: 232, height: 110, step: 130 }) +
        ridge(scene, scene.far("#6f9f7c", 0.4), { y: 258, height: 60, step: 170 }) +
        bands +
        plant(scene, scene.random.between(40, 100), 350, 140) +
        plant(scene, scene.random.between(545, 600), 356, 160),
      front: bush(scene, 604, 424, 44),
      ground: GROUND + 8,
      words,
    };
  };

const snow: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#a9bccb", 0.5), { y: 240, height: 70, step: 150 }) +
    ridge(scene, scene.far("#d3e0ea", 0.3), { y: 285, height: 50, step: 190 }) +
    row(scene, pine, { from: 0, to: 640, step: 40, y: 328, h: 80 }, scene.far("#5c8590", 0.4)) +
    path(
      `M0 ${GROUND}Q160 ${GROUND - 22} 330 ${GROUND - 8}T${WIDTH} ${GROUND - 4}V${HEIGHT}H0Z`,
      scene.gradient(scene.lit("#f4f8fb"), scene.lit("#cfdeea")),
    ) +
    snowyPine(scene, scene.random.between(40, 110), 354, 150) +
    snowyPine(scene, scene.random.between(540, 604), 360, 176),
  front: faint(
    0.9,
    times(40, () =>
      circle(
        scene.random.between(0, WIDTH),
        scene.random.between(0, HEIGHT),
        scene.random.pick([1.4, 2, 2.6]),
        "#ffffff",
      ),
    ),
  ),
  ground: GROUND,
  words: "in deep snow",
});

const moor: Draw = (scene) => ({
  back:
    ridge(scene, scene.far("#8d8aa0", 0.55), { y: 240, height: 90, step: 140 }) +
    ridge(scene, scene.far("#96799a", 0.3), { y: 285, height: 60, step: 180 }) +
    lawn(scene, "#8f8a5e", [bush], 30) +
    times(6, () =>
      ellipse(
        scene.random.between(0, 640),
        scene.random.between(345, 420),
        scene.random.between(8, 22),
        7,
        scene.lit("#a3799c"),
      ),
    ),
  front: tufts(scene, "#6f6b45"),
  ground: GROUND,
  words: "in the heather",
});

const LANDSCAPES = {
  badlands: dry(bush, 30),
  beach: shore("#f3dfb2", true, "on a beach with palms"),
  blacksand: shore("#74757f", false, "on a beach of black sand"),
  cacti: dry(cactus, 92),
  canal,
  city,
  cliffs,
  coast,
  desert: dry(palm, 145),
  dunes: shore("#f0dfb8", false, "on a sandy beach"),
  fields,
  fjord,
  forest,
  hills,
  islands,
  jungle,
  lake,
  lavender,
  moor,
  mountains,
  river,
  rooftops,
  savanna,
  snow,
  teahills: stepped(tree, "in tea hills"),
  terraces: stepped(palm, "among rice terraces"),
  vineyard,
} satisfies Record<string, Draw>;

export type LandscapeName = keyof typeof LANDSCAPES;
export const isLandscape = (name: string): name is LandscapeName => name in LANDSCAPES;

export function drawLandscape(scene: Scene, name: LandscapeName, afloat: boolean): Landscape {
  return LANDSCAPES[name](scene, afloat);
}
