import { Buffer } from "node:buffer";
import * as fontkit from "fontkit";

/** The two that print nearly everything: Latin, Greek and Cyrillic. */
export type MainFont = "regular" | "semibold";
type FontName = MainFont | (typeof FALLBACKS)[number]["name"];
export type LoadedFont = {
  name: FontName;
  font: fontkit.Font;
  covers: Set<number>;
  /** Whether other documents use the same object: opening it costs more than a whole invoice. */
  shared: boolean;
};
export type Fonts = {
  regular: LoadedFont;
  semibold: LoadedFont;
  /** Those that the texts need beyond the main two, in the order in which they are asked. */
  fallbacks: LoadedFont[];
  /** How to spell in Latin letters what none of the fonts has. */
  spell: (text: string) => string;
};

const FALLBACKS = [
  { name: "hebrew", script: /\p{scx=Hebrew}/u, load: () => import("./fonts/hebrew.ts") },
  { name: "arabic", script: /\p{scx=Arabic}/u, load: () => import("./fonts/arabic.ts") },
  { name: "armenian", script: /\p{scx=Armenian}/u, load: () => import("./fonts/armenian.ts") },
  { name: "georgian", script: /\p{scx=Georgian}/u, load: () => import("./fonts/georgian.ts") },
  { name: "thai", script: /\p{scx=Thai}/u, load: () => import("./fonts/thai.ts") },
  {
    name: "devanagari",
    script: /\p{scx=Devanagari}/u,
    load: () => import("./fonts/devanagari.ts"),
  },
  { name: "hangul", script: /\p{scx=Hangul}/u, load: () => import("./fonts/hangul.ts") },
  {
    name: "han",
    script: /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}\uff01-\uffe6]/u,
    load: () => import("./fonts/han.ts"),
  },
] as const;

type FontFile = { bytes: Uint8Array; font: fontkit.Font; covers: Set<number> };

/** Decompressed once a process. */
const files = new Map<FontName, Promise<FontFile>>();

/**
 * Opens the fonts that these texts need.
 *
 * A font object remembers for which character it first met a glyph, and the PDF repeats that. The
 * main fonts get along without it; the others are opened afresh for each document, so that it does
 * not depend on what was printed before.
 */
export async function loadFonts(texts: Iterable<string>): Promise<Fonts> {
  const all = [...texts].join("\n");
  const [regular, semibold, ...fallbacks] = await Promise.all([
    open("regular", () => import("./fonts/inter-regular.ts"), true),
    open("semibold", () => import("./fonts/inter-semibold.ts"), true),
    ...FALLBACKS.filter(({ script }) => script.test(all)).map(({ name, load }) =>
      open(name, load, false),
    ),
  ]);
  return { regular, semibold, fallbacks, spell: await speller(all, [regular, ...fallbacks]) };
}

async function speller(text: string, fonts: LoadedFont[]): Promise<(text: string) => string> {
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0x20 && !fonts.some(({ covers }) => covers.has(code))) {
      return (await import("any-ascii")).default;
    }
  }
  return (same) => same;
}

async function open(
  name: FontName,
  load: () => Promise<{ data: string }>,
  shared: boolean,
): Promise<LoadedFont> {
  let file = files.get(name);
  if (!file) {
    file = load().then(({ data }) => unpack(data));
    files.set(name, file);
  }
  const { bytes, font, covers } = await file;
  return { name, font: shared ? font : reopen(bytes, font), covers, shared };
}

async function unpack(data: string): Promise<FontFile> {
  const packed = Buffer.from(data, "base64");
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const font = parse(bytes);
  return { bytes, font, covers: new Set(font.characterSet) };
}

/** The same font without its memory. Its tables are read once, as by fontkit's own `getVariation`. */
function reopen(bytes: Uint8Array, font: fontkit.Font): fontkit.Font {
  const { _tables } = font as unknown as { _tables: object };
  return Object.assign(parse(bytes), { _tables });
}

/** fontkit's types want Node's Buffer; any bytes will do. */
function parse(bytes: Uint8Array): fontkit.Font {
  return fontkit.create(bytes as Parameters<typeof fontkit.create>[0]) as fontkit.Font;
}
