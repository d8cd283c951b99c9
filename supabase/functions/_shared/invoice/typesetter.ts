import bidiFactory, { type Bidi } from "bidi-js";
import type { Font, Glyph as FontkitGlyph } from "fontkit";
import type { Fonts, LoadedFont, MainFont } from "./fonts.ts";

/** One glyph and where it stands. Lengths are thousandths of the font size. */
export type Glyph = {
  id: number;
  text: string;
  /** How far the pen goes on, and how far it would by the font's own table. */
  advance: number;
  width: number;
  dx: number;
  dy: number;
};
/** Glyphs of one font, in the order in which they are drawn: from left to right. */
export type Run = { font: LoadedFont; glyphs: Glyph[] };
export type ShapedText = { runs: Run[]; width: number };

/** One grapheme's font and what is printed for it. */
type Piece = { text: string; font: LoadedFont; level: number };

/** Its types take the module for a namespace; it is the function. */
const bidi = (bidiFactory as unknown as () => Bidi)();
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;
/** Amounts stand in columns, so their digits are of one width. */
const FIGURES = /^[\p{Sc}\d.,%]+$/u;
const MISSING = "\u25a1";

/** Control characters and those that steer the direction of text: none may shape an invoice. */
const UNPRINTABLE =
  /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
/** What joins letters or picks a shape of them; in pieces of the main fonts it does neither. */
const INVISIBLE = /\u200c|\u200d|[\ufe00-\ufe0f]/u;

/** Turns text into glyphs and lines; knows fonts, and nothing about pages. */
export class Typesetter {
  readonly #fonts: Fonts;
  readonly #shaped = new Map<string, ShapedText>();

  constructor(fonts: Fonts) {
    this.#fonts = fonts;
  }

  /** The width of a text in points. */
  width(text: string, style: MainFont, size: number): number {
    return (this.shape(text, style).width * size) / 1000;
  }

  /**
   * Breaks a text into lines: at spaces but not inside of a date, and inside a word only where it does
   * not fit a line.
   */
  wrap(text: string, style: MainFont, size: number, width: number): string[] {
    const { font } = this.#fonts[style];
    const space = (font.glyphForCodePoint(0x20).advanceWidth * size) / font.unitsPerEm;
    return text.split(/\r\n|[\n\r\u2028\u2029]/).flatMap((paragraph) => {
      const lines: string[] = [];
      let line = "";
      // Word by word: to shape what stands on a line so far at each word takes several times as long.
      let used = 0;
      for (const word of wordsOf(clean(paragraph))) {
        const more = space + this.width(word, style, size);
        if (line && used + more <= width) {
          line += ` ${word}`;
          used += more;
          continue;
        }
        if (line) lines.push(line);
        const pieces = this.#breakWord(word, style, size, width);
        line = pieces.pop()!;
        used = this.width(line, style, size);
        lines.push(...pieces);
      }
      return [...lines, line];
    });
  }

  /** The glyphs of one line of text. */
  shape(text: string, style: MainFont): ShapedText {
    const key = `${style} ${text}`;
    let shaped = this.#shaped.get(key);
    if (!shaped) {
      const runs = visualOrder(this.#pieces(clean(text), this.#fonts[style])).map(shapeRun);
      const width = runs.reduce((sum, { glyphs }) => sum + advanceOf(glyphs), 0);
      shaped = { runs, width };
      this.#shaped.set(key, shaped);
    }
    return shaped;
  }

  #breakWord(word: string, style: MainFont, size: number, width: number): string[] {
    if (this.width(word, style, size) <= width) return [word];
    const pieces: string[] = [];
    let piece = "";
    let used = 0;
    for (const { segment } of graphemes.segment(word)) {
      const more = this.width(segment, style, size);
      if (piece && used + more > width) {
        pieces.push(piece);
        piece = "";
        used = 0;
      }
      piece += segment;
      used += more;
    }
    return [...pieces, piece];
  }

  /** Chooses a font for each grapheme; neighbours with the same one form a piece. */
  #pieces(text: string, main: LoadedFont): Piece[] {
    if (covers(main, text)) return [{ text, font: main, level: 0 }];
    const directions = RIGHT_TO_LEFT.test(text) ? bidi.getEmbeddingLevels(text, "ltr") : undefined;
    const pieces: Piece[] = [];
    for (const { segment, index } of graphemes.segment(text)) {
      const level = directions?.levels[index] ?? 0;
      const mirrored = level % 2 ? (bidi.getMirroredCharacter(segment) ?? segment) : segment;
      for (const chosen of this.#choose(mirrored, main)) {
        const last = pieces.at(-1);
        if (last?.font === chosen.font && last.level === level) last.text += chosen.text;
        else pieces.push({ ...chosen, level });
      }
    }
    return pieces;
  }

  #choose(grapheme: string, main: LoadedFont): { text: string; font: LoadedFont }[] {
    const font = [main, ...this.#fonts.fallbacks].find((one) => covers(one, grapheme));
    if (font) return [{ text: grapheme, font }];
    const spelled = this.#fonts.spell(grapheme);
    if (spelled.trim() && covers(main, spelled)) return [{ text: spelled, font: main }];
    // A letter of one font with an accent of another.
    const characters = [...grapheme].filter((character) => !INVISIBLE.test(character));
    if (characters.length > 1) return characters.flatMap((one) => this.#choose(one, main));
    return [{ text: MISSING, font: main }];
  }
}

/** One line, composed, without what cannot be printed. */
function clean(text: string): string {
  return text.normalize("NFC").replace(/\s+/g, " ").replace(UNPRINTABLE, replacement).trim();
}

/** What stays together on a line: words, and dates as they are written here. */
function wordsOf(line: string): string[] {
  return line.match(/\d{1,2} \p{Lu}\p{Ll}+ \d{4}(?!\S*\d)\S*|\S+/gu) ?? [""];
}

/** Private and unassigned characters were meant to be seen; the others were not. */
function replacement(character: string): string {
  return /[\p{Co}\p{Cn}\p{Cs}]/u.test(character) ? MISSING : "";
}

function covers(font: LoadedFont, text: string): boolean {
  for (const character of text) {
    if (!font.covers.has(character.codePointAt(0)!) && !INVISIBLE.test(character)) return false;
  }
  return true;
}

/** Rule L2 of the Unicode bidirectional algorithm, for whole pieces. */
function visualOrder(pieces: Piece[]): Piece[] {
  const ordered = [...pieces];
  const highest = Math.max(0, ...pieces.map(({ level }) => level));
  for (let level = highest; level > 0; level--) {
    for (let start = 0; start < ordered.length; start++) {
      let end = start;
      while (end < ordered.length && ordered[end]!.level >= level) end++;
      if (end > start + 1)
        ordered.splice(start, end - start, ...ordered.slice(start, end).reverse());
      start = end;
    }
  }
  return ordered;
}

function shapeRun({ text: asked, font: loaded, level }: Piece): Run {
  const { font } = loaded;
  const text = loaded.shared ? [...asked].filter((one) => !INVISIBLE.test(one)).join("") : asked;
  const direction = level % 2 ? "rtl" : "ltr";
  const features = FIGURES.test(text) ? ["tnum"] : [];
  const { glyphs, positions } = font.layout(text, features, undefined, undefined, direction);
  const scale = 1000 / font.unitsPerEm;
  const texts = loaded.shared ? textsOfGlyphs(text, direction, glyphs, font) : undefined;
  return {
    font: loaded,
    glyphs: glyphs.map((glyph, index) => ({
      id: glyph.id,
      text: texts?.[index] ?? String.fromCodePoint(...glyph.codePoints),
      advance: positions[index]!.xAdvance * scale,
      width: glyph.advanceWidth * scale,
      dx: positions[index]!.xOffset * scale,
      dy: positions[index]!.yOffset * scale,
    })),
  };
}

/**
 * What the glyphs of a shared font stand for. It must not be asked which character a glyph was
 * first met for, since that was in another document.
 */
function textsOfGlyphs(text: string, direction: string, glyphs: FontkitGlyph[], font: Font) {
  const characters = [...text];
  if (characters.length !== glyphs.length) {
    return glyphs.map(({ id }) => font.stringsForGlyph(id)[0] ?? "");
  }
  return direction === "rtl" ? characters.reverse() : characters;
}

function advanceOf(glyphs: Glyph[]): number {
  return glyphs.reduce((sum, { advance }) => sum + advance, 0);
}
