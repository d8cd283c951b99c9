import { PDFDocument, PDFName, type PDFPage } from "pdf-lib";
import { type Invoice, type InvoiceDocument, invoiceDocument } from "./document.ts";
import { EmbeddedFont, fontResources } from "./embedded-font.ts";
import { loadFonts } from "./fonts.ts";
import { type Color, type Item, layoutInvoice, PAGE } from "./layout.ts";
import { Structure } from "./structure.ts";
import { type Run, Typesetter } from "./typesetter.ts";

export type { InvoiceDocument };

const COLORS: Record<Color, [number, number, number]> = {
  ink: [0.11, 0.1, 0.09],
  muted: [0.38, 0.36, 0.34],
  accent: [0.06, 0.39, 0.37],
  line: [0.86, 0.85, 0.83],
  tint: [0.94, 0.97, 0.96],
};

/** Makes the PDF of an invoice or a credit note. The same document gives the same bytes. */
export async function renderInvoice(document: InvoiceDocument): Promise<Uint8Array> {
  const invoice = invoiceDocument.parse(document);
  const typesetter = new Typesetter(await loadFonts(textsOf(invoice)));
  const { pages, root, title } = layoutInvoice(invoice, typesetter);

  const pdf = await PDFDocument.create({ updateMetadata: false });
  const artist = new Artist(pdf, typesetter);
  for (const items of pages) artist.page(items);
  const tree = artist.finish(root);

  pdf.setTitle(title, { showInWindowTitleBar: true });
  pdf.setLanguage("en");
  pdf.setAuthor(invoice.seller.name);
  pdf.setProducer("Djanobnb");
  pdf.setCreator("Djanobnb");
  pdf.setCreationDate(invoice.issued_at);
  pdf.setModificationDate(invoice.issued_at);
  pdf.catalog.set(PDFName.of("MarkInfo"), pdf.context.obj({ Marked: true }));
  pdf.catalog.set(PDFName.of("StructTreeRoot"), tree);
  return pdf.save();
}

/** All that people wrote; it decides which fonts are opened. */
function textsOf({ seller, buyer, lines }: Invoice): string[] {
  const descriptions = lines.map(({ description }) => description);
  const { name, address, email } = buyer;
  return [
    seller.name,
    seller.address,
    seller.tax_id ?? "",
    name,
    address ?? "",
    email ?? "",
  ].concat(descriptions);
}

/** Writes the operators that draw a layout. */
class Artist {
  readonly #pdf: PDFDocument;
  readonly #typesetter: Typesetter;
  readonly #fonts = new Map<string, EmbeddedFont>();
  readonly #structure = new Structure();
  readonly #pages: PDFPage[] = [];

  constructor(pdf: PDFDocument, typesetter: Typesetter) {
    this.#pdf = pdf;
    this.#typesetter = typesetter;
  }

  page(items: Item[]): void {
    const index = this.#pages.length;
    const page = this.#pdf.addPage([PAGE.width, PAGE.height]);
    const content = items.map((item) => this.#marked(item, index)).join("\n");
    page.node.set(PDFName.of("Contents"), this.#register(content));
    page.node.set(PDFName.of("StructParents"), this.#pdf.context.obj(index));
    page.node.set(PDFName.of("Tabs"), PDFName.of("S"));
    this.#pages.push(page);
  }

  /** Embeds the fonts, writes the structure, and returns the structure's root. */
  finish(root: Parameters<Structure["write"]>[1]) {
    const { context } = this.#pdf;
    const fonts = [...this.#fonts.values()];
    for (const font of fonts) font.embed(context);
    const resources = context.register(fontResources(context, fonts));
    for (const page of this.#pages) page.node.set(PDFName.of("Resources"), resources);
    const pages = this.#pages.map((page) => page.ref);
    return this.#structure.write(context, root, pages);
  }

  #register(content: string) {
    return this.#pdf.context.register(this.#pdf.context.flateStream(content));
  }

  #marked(item: Item, page: number): string {
    if (item.kind === "box") return `/Artifact BMC\n${box(item)}\nEMC`;
    const { node } = item;
    const start = node
      ? `/${node.role} << /MCID ${this.#structure.mark(node, page)} >> BDC`
      : "/Artifact BMC";
    return `${start}\n${this.#text(item)}\nEMC`;
  }

  #text({ text, style, size, x, y, color }: Extract<Item, { kind: "text" }>): string {
    const { runs } = this.#typesetter.shape(text, style);
    const place = `1 0 0 1 ${number(x)} ${number(PAGE.height - y)} Tm`;
    const shown = runs.map((run) => this.#run(run, size));
    return ["BT", fill(color), place, ...shown, "ET"].join("\n");
  }

  /** One font's glyphs: pushed together or apart by TJ, up or down by Ts. */
  #run({ font: loaded, glyphs }: Run, size: number): string {
    const font = this.#font(loaded);
    const operators = [`/${font.key} ${size} Tf`];
    let shown = "";
    let rise = 0;
    const flush = () => {
      if (shown) operators.push(`[${shown}] TJ`);
      shown = "";
    };
    for (const glyph of glyphs) {
      if (glyph.dy !== rise) {
        flush();
        rise = glyph.dy;
        operators.push(`${number((rise * size) / 1000)} Ts`);
      }
      const after = glyph.width - glyph.advance + glyph.dx;
      shown += `${adjust(-glyph.dx)}<${font.code(glyph)}>${adjust(after)}`;
    }
    flush();
    if (rise) operators.push("0 Ts");
    return operators.join("\n").replaceAll("><", "");
  }

  #font(loaded: Run["font"]): EmbeddedFont {
    let font = this.#fonts.get(loaded.name);
    if (!font) {
      font = new EmbeddedFont(this.#pdf.context, loaded, this.#fonts.size);
      this.#fonts.set(loaded.name, font);
    }
    return font;
  }
}

function box({ x, y, width, height, color }: Extract<Item, { kind: "box" }>): string {
  const corner = [x, PAGE.height - y - height, width, height].map(number).join(" ");
  return `${fill(color)}\n${corner} re f`;
}

function fill(color: Color): string {
  return `${COLORS[color].join(" ")} rg`;
}

/** A move in a TJ array, in thousandths, to the left when positive; nothing when there is none. */
function adjust(amount: number): string {
  return Math.abs(amount) < 0.5 ? "" : ` ${Math.round(amount)} `;
}

function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
