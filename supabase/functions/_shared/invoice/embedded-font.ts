import type { Subset } from "fontkit";
import { type PDFContext, PDFHexString, PDFName, type PDFRef } from "pdf-lib";
import type { LoadedFont } from "./fonts.ts";
import type { Glyph } from "./typesetter.ts";

/** fontkit takes a glyph's number as well, and answers with its number in the subset. */
type NumberedSubset = { includeGlyph(id: number): number; encode: Subset["encode"] };

/**
 * A font of which the document holds only the glyphs that it draws.
 *
 * pdf-lib can embed a font by itself, but then throws away where the shaped glyphs stand, so that
 * there is no kerning, and accents of scripts that place them fall beside their letters.
 */
export class EmbeddedFont {
  /** The name under which the pages know it. */
  readonly key: string;
  readonly ref: PDFRef;
  readonly #loaded: LoadedFont;
  readonly #subset: NumberedSubset;
  readonly #glyphs: Glyph[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #tag: string;

  constructor(context: PDFContext, loaded: LoadedFont, index: number) {
    this.key = `F${index}`;
    this.ref = context.nextRef();
    this.#loaded = loaded;
    this.#subset = loaded.font.createSubset() as unknown as NumberedSubset;
    this.#tag = `INVOI${String.fromCharCode(65 + index)}`;
  }

  /** The glyph's code in the content of a page. */
  code(glyph: Glyph): string {
    let number = this.#numbers.get(glyph.id);
    if (number === undefined) {
      number = this.#subset.includeGlyph(glyph.id);
      this.#numbers.set(glyph.id, number);
      this.#glyphs[number] = glyph;
    }
    return hex(number);
  }

  /** Writes the font, once all pages are drawn. */
  embed(context: PDFContext): void {
    const { font } = this.#loaded;
    const name = `${this.#tag}+${font.postscriptName}`;
    const scale = (length: number) => Math.round((length * 1000) / font.unitsPerEm);
    const { minX, minY, maxX, maxY } = font.bbox;
    const descriptor = context.obj({
      Type: "FontDescriptor",
      FontName: name,
      Flags: 4,
      FontBBox: [minX, minY, maxX, maxY].map(scale),
      ItalicAngle: 0,
      Ascent: scale(font.ascent),
      Descent: scale(font.descent),
      CapHeight: scale(font.capHeight || font.ascent),
      StemV: 80,
      FontFile2: context.register(context.flateStream(this.#subset.encode())),
    });
    const descendant = context.obj({
      Type: "Font",
      Subtype: "CIDFontType2",
      CIDToGIDMap: "Identity",
      BaseFont: name,
      CIDSystemInfo: context.obj({
        Registry: PDFHexString.fromText("Adobe"),
        Ordering: PDFHexString.fromText("Identity"),
        Supplement: 0,
      }),
      FontDescriptor: context.register(descriptor),
      W: [1, this.#glyphs.slice(1).map(({ width }) => Math.round(width))],
    });
    const composite = context.obj({
      Type: "Font",
      Subtype: "Type0",
      BaseFont: name,
      Encoding: "Identity-H",
      DescendantFonts: [context.register(descendant)],
      ToUnicode: context.register(context.flateStream(this.#unicodeMap())),
    });
    context.assign(this.ref, composite);
  }

  /** From glyphs back to characters, so that the text can be read aloud, searched and copied. */
  #unicodeMap(): string {
    const lines = this.#glyphs.flatMap(({ text }, number) =>
      text ? [`<${hex(number)}> <${utf16(text)}>`] : [],
    );
    const sections: string[] = [];
    for (let start = 0; start < lines.length; start += 100) {
      const section = lines.slice(start, start + 100);
      sections.push(`${section.length} beginbfchar`, ...section, "endbfchar");
    }
    return [
      "/CIDInit /ProcSet findresource begin",
      "12 dict begin",
      "begincmap",
      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
      "/CMapName /Adobe-Identity-UCS def",
      "/CMapType 2 def",
      "1 begincodespacerange",
      "<0000> <ffff>",
      "endcodespacerange",
      ...sections,
      "endcmap",
      "CMapName currentdict /CMap defineresource pop",
      "end",
      "end",
    ].join("\n");
  }
}

/** The font dictionary of a page. */
export function fontResources(context: PDFContext, fonts: Iterable<EmbeddedFont>) {
  const dictionary = context.obj({});
  for (const { key, ref } of fonts) dictionary.set(PDFName.of(key), ref);
  return context.obj({ Font: dictionary });
}

function hex(number: number): string {
  return number.toString(16).padStart(4, "0");
}

function utf16(text: string): string {
  return Array.from({ length: text.length }, (_, index) => hex(text.charCodeAt(index))).join("");
}
