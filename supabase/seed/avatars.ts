import { circle, darker, ellipse, lighter, mix, path, rect, stroke, times } from "./covers/draw.ts";
import type { Random } from "./random.ts";

const SKIN = {
  fair: "#f6d3bd",
  light: "#efc5a0",
  olive: "#dba97f",
  tan: "#b98058",
  deep: "#7b4f38",
};
const HAIR = {
  black: "#2b2628",
  brown: "#5f3f2d",
  red: "#b05a2f",
  blond: "#e0b566",
  grey: "#b9b6b3",
};
const PAPER = ["#f4c7a1", "#a9d2cc", "#c3c7e6", "#f2d98b", "#e9b4b4", "#b7d3a4", "#9fc4de"];
const CLOTH = ["#3f6f86", "#b5544a", "#5b7f57", "#6a5a8c", "#c98a3a", "#37474f", "#a84f6f"];

/** What of the hair is behind the head, and what before it; the head's middle is at 128, 118. */
const STYLES = {
  bun: (hair: string) => ({
    back: circle(128, 44, 24, hair) + ellipse(128, 104, 58, 56, hair),
    front: path(
      "M72 112C72 62 100 56 128 56S184 62 184 112C168 100 160 84 128 82S88 100 72 112Z",
      hair,
    ),
  }),
  bob: (hair: string) => ({
    back: rect(60, 52, 136, 122, hair, 58),
    front:
      path(
        "M62 126C62 66 96 50 128 50S194 66 194 126C184 96 162 92 146 82C122 96 78 92 62 126Z",
        hair,
      ) +
      rect(60, 106, 22, 66, hair, 11) +
      rect(174, 106, 22, 66, hair, 11),
  }),
  long: (hair: string) => ({
    back: path("M68 110C64 50 192 50 188 110L196 214H60Z", hair),
    front: path(
      "M72 118C70 62 104 56 140 58S188 74 184 120C178 96 158 92 140 78C120 96 88 94 72 118Z",
      hair,
    ),
  }),
  curly: (hair: string) => ({
    back: times(11, (index) => {
      const angle = Math.PI * (0.92 + index * 0.118);
      return circle(128 + Math.cos(angle) * 56, 112 + Math.sin(angle) * 52, 25, hair);
    }),
    front: times(5, (index) => circle(92 + index * 18, 76 - (index % 2) * 6, 17, hair)),
  }),
  short: (hair: string) => ({
    back: ellipse(128, 102, 57, 50, hair),
    front: path(
      "M72 108C66 60 100 50 134 52S190 72 184 108C178 92 170 86 158 84C132 92 104 88 92 78C84 86 78 94 72 108Z",
      hair,
    ),
  }),
  crop: (hair: string) => ({
    back: "",
    front: path(
      "M74 108C70 66 100 56 128 56S186 66 182 108C176 88 160 78 128 78S80 88 74 108Z",
      hair,
    ),
  }),
  beard: (hair: string) => ({
    back: "",
    front:
      path("M74 104C70 62 98 52 130 53S188 66 182 104C176 84 160 80 128 80S80 86 74 104Z", hair) +
      path(
        "M74 116C76 166 100 182 128 182S180 166 182 116C176 140 160 142 148 140Q128 132 108 140C96 142 80 140 74 116Z",
        hair,
      ),
  }),
};

type Look = {
  style: keyof typeof STYLES;
  hair: keyof typeof HAIR;
  skin: keyof typeof SKIN;
};

/** Reads `"<hair style> <hair colour> <skin>"`, or nothing when one of the words is unknown. */
export function parseLook(words: string): Look | undefined {
  const [style = "", hair = "", skin = ""] = words.split(" ");
  return style in STYLES && hair in HAIR && skin in SKIN
    ? ({ style, hair, skin } as Look)
    : undefined;
}

/** A friendly face as SVG. */
export function drawAvatar({ style, hair, skin }: Look, random: Random): string {
  const [face, locks] = [SKIN[skin], HAIR[hair]];
  const cloth = random.pick(CLOTH);
  const { back, front } = STYLES[style](locks);
  const ink = darker(mix(face, "#3a2420", 0.75), 0.2);
  const cheek = mix(face, "#d9574f", 0.28);
  const eye = (x: number) => ellipse(x, 120, 4.5, 5.5, ink);
  const brow = (x: number) => stroke(`M${x - 9} 105q9 -6 18 0`, mix(locks, ink, 0.4), 3.5);
  const glasses = random.chance(0.25)
    ? [104, 152]
        .map(
          (x) => `<circle cx="${x}" cy="120" r="17" fill="none" stroke="${ink}" stroke-width="3"/>`,
        )
        .join("") + stroke("M121 118q7 -5 14 0", ink, 3)
    : "";
  const neck = rect(110, 150, 36, 54, darker(face, 0.1));
  const head =
    circle(75, 124, 11, face) + circle(181, 124, 11, face) + rect(74, 62, 108, 116, face, 54);
  const features =
    circle(93, 139, 10, cheek) +
    circle(163, 139, 10, cheek) +
    [104, 152].map((x) => eye(x) + brow(x)).join("") +
    stroke("M125 132q4 5 8 0", darker(face, 0.25), 3) +
    stroke("M112 151q16 15 32 0", ink, 4);
  const shoulders =
    path("M28 256C32 206 84 194 128 194S224 206 228 256Z", cloth) +
    path("M104 195Q128 222 152 195Q128 190 104 195Z", lighter(face, 0.05));
  const paper = rect(0, 0, 256, 256, random.pick(PAPER));
  const parts = [paper, back, neck, shoulders, head, front, features, glasses];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256">${parts.join("")}</svg>`;
}
