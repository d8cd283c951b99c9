import { formatDate, formatMoney, formatNumber } from "../format.ts";
import { type Invoice, totalsByRate } from "./document.ts";
import type { MainFont } from "./fonts.ts";
import type { Typesetter } from "./typesetter.ts";

/** A node of the document's structure: what a screen reader tells of the page. */
export type Node = {
  role: "Document" | "H1" | "P" | "Table" | "TR" | "TH" | "TD";
  /** What the heading cell is the heading of. */
  scope?: "Column" | "Row";
  children: Node[];
};
export type Color = "ink" | "muted" | "accent" | "line" | "tint";
/** Lengths are points from the page's upper left corner; text stands on `y`. */
export type Item =
  | { kind: "box"; x: number; y: number; width: number; height: number; color: Color }
  | {
      kind: "text";
      x: number;
      y: number;
      text: string;
      style: MainFont;
      size: number;
      color: Color;
      /** Without a node it is an artifact: page numbers, headings repeated on the next page. */
      node: Node | undefined;
    };
export type Layout = { pages: Item[][]; root: Node; title: string };

/** Something of a known height that stays in one piece. `keep`: never the last on its page. */
type Block = { height: number; keep: boolean; draw(top: number): Item[] };
type Face = { style: MainFont; size: number; color: Color };
type Align = "left" | "right";

export const PAGE = { width: 595.28, height: 841.89 };
const MARGIN = 48;
const CONTENT = PAGE.width - 2 * MARGIN;
const RIGHT = PAGE.width - MARGIN;
const BOTTOM = PAGE.height - 78;
const LEADING = 1.42;
/** A description of more lines goes on as a row of its own, which may stand on the next page. */
const ROW_LINES = 6;
/** Letterhead texts end here, so that the head always leaves room for the table. */
const HEAD_LINES = 12;
const TITLE_LINES = 2;

const BODY: Face = { style: "regular", size: 9, color: "ink" };
const MUTED: Face = { ...BODY, color: "muted" };
const STRONG: Face = { ...BODY, style: "semibold" };
const LABEL: Face = { style: "semibold", size: 7.5, color: "muted" };
const SMALL: Face = { style: "regular", size: 7.5, color: "muted" };

/** Where everything stands. Computes only: the same invoice gives the same layout. */
export function layoutInvoice(invoice: Invoice, typesetter: Typesetter): Layout {
  const root = newNode("Document");
  const paper = new Paper(invoice, typesetter, root);
  const head = paper.head();
  const table = paper.table();
  const blocks = [...table.rows, ...paper.totals(), ...paper.closing()];
  const pages = paginate(blocks, head, (top, page) => table.head(top, page));
  pages.forEach((page, index) => {
    page.push(...paper.foot(index + 1, pages.length));
  });
  return { pages, root, title: paper.title };
}

type Column = { title: string[]; align: Align; x: number; width: number };

class Paper {
  readonly title: string;
  readonly #invoice: Invoice;
  readonly #type: Typesetter;
  readonly #root: Node;
  readonly #name: string;

  constructor(invoice: Invoice, typesetter: Typesetter, root: Node) {
    this.#invoice = invoice;
    this.#type = typesetter;
    this.#root = root;
    this.#name = invoice.kind === "invoice" ? "Invoice" : "Credit note";
    this.title = `${this.#name} ${invoice.number}`;
  }

  /** The first page down to the table: who, to whom, when, how much. */
  head(): { items: Item[]; bottom: number } {
    const { seller, kind, total } = this.#invoice;
    const heading = newNode("H1", this.#root);
    const items: Item[] = [
      { kind: "box", x: 0, y: 0, width: PAGE.width, height: 6, color: "accent" },
    ];
    const name: Face = { style: "semibold", size: 12, color: "ink" };
    const brand = this.#lines(seller.name, name, CONTENT * 0.55, 3);
    items.push(...this.#text(brand, name, MARGIN, 52, this.#node("P")));
    const titleFace: Face = { style: "semibold", size: 22, color: "accent" };
    items.push(...this.#text([this.#name], titleFace, RIGHT, 45, heading, "right"));
    const numberFace: Face = { style: "regular", size: 11, color: "muted" };
    items.push(...this.#text([this.#invoice.number], numberFace, RIGHT, 76, heading, "right"));

    const columns = this.#parties(118);
    items.push(...columns.items);

    const box = { x: MARGIN, y: columns.bottom + 16, width: CONTENT, height: 44 };
    items.push({ kind: "box", ...box, color: "tint" });
    const state = kind === "invoice" ? "Total paid" : "Total credited";
    const amount: Face = { style: "semibold", size: 15, color: "accent" };
    const banner = this.#node("P");
    items.push(...this.#text([state], STRONG, box.x + 14, box.y + 15.5, banner));
    items.push(
      ...this.#text([this.#money(total)], amount, RIGHT - 14, box.y + 11.5, banner, "right"),
    );
    return { items, bottom: box.y + box.height + 22 };
  }

  /** Three columns: seller, buyer, and the document's own facts. */
  #parties(top: number): { items: Item[]; bottom: number } {
    const { seller, buyer, issued_at, corrects_number, number, currency } = this.#invoice;
    const facts = [
      [this.#name, number],
      ["Date of issue", formatDate(issued_at)],
      ...(corrects_number ? [["Corrects invoice", corrects_number]] : []),
      ["Currency", currency.toUpperCase()],
    ];
    const gap = 22;
    const width = (CONTENT - 2 * gap) / 3;
    const columns = [
      this.#column(MARGIN, top, width, "From", [
        [seller.name, STRONG],
        [seller.address, BODY],
        [seller.tax_id ? `VAT ID ${seller.tax_id}` : "", BODY],
      ]),
      this.#column(MARGIN + width + gap, top, width, "Billed to", [
        [buyer.name, STRONG],
        [buyer.address ?? "", BODY],
        [buyer.email ?? "", BODY],
      ]),
      this.#column(RIGHT - width, top, width, "Details", []),
    ];
    const details = facts.flatMap(([label, value], index) => {
      const node = this.#node("P");
      const y = top + 15 + index * leading(BODY);
      return [
        ...this.#text([label!], MUTED, RIGHT - width, y, node),
        ...this.#text([value!], BODY, RIGHT, y, node, "right"),
      ];
    });
    return {
      items: [...columns.flatMap(({ items }) => items), ...details],
      bottom: Math.max(
        ...columns.map(({ bottom }) => bottom),
        top + 15 + facts.length * leading(BODY),
      ),
    };
  }

  #column(x: number, top: number, width: number, label: string, texts: [string, Face][]) {
    const items = this.#text([label], LABEL, x, top, this.#node("P"));
    let y = top + 15;
    for (const [text, face] of texts.filter(([text]) => text)) {
      const lines = this.#lines(text, face, width, HEAD_LINES);
      items.push(...this.#text(lines, face, x, y, this.#node("P")));
      y += lines.length * leading(face);
    }
    return { items, bottom: y };
  }

  /** The lines of the invoice. The table's head is repeated on each page as an artifact. */
  table(): { rows: Block[]; head(top: number, page: number): { items: Item[]; bottom: number } } {
    const columns = this.#columns();
    const table = this.#node("Table");
    const headNode = newNode("TR", table);
    const cells = columns.map(() => newNode("TH", headNode, "Column"));
    const head = (top: number, page: number) => {
      const items = columns.flatMap((column, index) =>
        this.#cell(
          column.title,
          LABEL,
          column,
          top + (TITLE_LINES - column.title.length) * leading(LABEL),
          page ? undefined : cells[index],
        ),
      );
      const bottom = top + TITLE_LINES * leading(LABEL) + 5;
      return { items: [...items, rule(bottom - 1, "ink")], bottom };
    };
    const rows = this.#invoice.lines.flatMap((line, index) => {
      const isLast = index === this.#invoice.lines.length - 1;
      return this.#row(line, columns, newNode("TR", table), isLast);
    });
    return { rows, head };
  }

  /** Numbers take the width they need, descriptions what is left. */
  #columns(): Column[] {
    const gap = 14;
    const rows = this.#invoice.lines.map((line) => this.#figures(line));
    const titles = [
      ["Quantity"],
      ["Unit price", "excl. VAT"],
      ["VAT rate"],
      ["VAT"],
      ["Amount", "incl. VAT"],
    ];
    const widths = titles.map((title, index) => {
      const figures = rows.map((row) => this.#width(row[index]!, BODY));
      return Math.max(...figures, ...title.map((line) => this.#width(line, LABEL))) + 0.1;
    });
    const rest = CONTENT - widths.reduce((sum, width) => sum + width + gap, 0);
    let x = MARGIN + rest;
    const numbers = titles.map((title, index): Column => {
      const column = { title, align: "right" as const, x: x + gap, width: widths[index]! };
      x += gap + column.width;
      return column;
    });
    return [{ title: ["Description"], align: "left", x: MARGIN, width: rest }, ...numbers];
  }

  #figures(line: Invoice["lines"][number]): string[] {
    return [
      formatNumber(line.quantity),
      this.#money(Math.round(line.net / line.quantity)),
      `${formatNumber(line.tax_rate_percent)}%`,
      this.#money(line.tax),
      this.#money(line.amount),
    ];
  }

  #row(line: Invoice["lines"][number], columns: Column[], row: Node, isLast: boolean): Block[] {
    const nodes = columns.map(() => newNode("TD", row));
    const lines = this.#lines(line.description, BODY, columns[0]!.width);
    const parts = Array.from({ length: Math.ceil(lines.length / ROW_LINES) }, (_, part) =>
      lines.slice(part * ROW_LINES, (part + 1) * ROW_LINES),
    );
    const figures = this.#figures(line);
    return parts.map((part, index) => {
      const ends = index === parts.length - 1;
      const texts = [part, ...figures.map((figure) => (index ? [] : [figure]))];
      const height = part.length * leading(BODY) + (ends ? 13 : 0);
      return {
        height,
        keep: isLast && ends,
        draw: (top) => [
          ...columns.flatMap((column, at) =>
            this.#cell(texts[at]!, BODY, column, top + 6, nodes[at]),
          ),
          ...(ends ? [rule(top + height, "line")] : []),
        ],
      };
    });
  }

  /** Taxable amount and tax of each rate, then the sum: kept together, and with the last line. */
  totals(): Block[] {
    const { lines, subtotal, tax, total } = this.#invoice;
    const rates = totalsByRate(lines);
    const table = this.#node("Table");
    const rows: [string, string][] = [
      ["Subtotal excluding VAT", this.#money(subtotal)],
      ...rates.map(({ rate, net, tax }): [string, string] => [
        `VAT ${formatNumber(rate)}% on ${this.#money(net)}`,
        this.#money(tax),
      ]),
    ];
    if (rates.length > 1) rows.push(["VAT in all", this.#money(tax)]);
    const sum: Face = { ...STRONG, size: 11 };
    const widths = rows.map(
      ([label, value]) => this.#width(label, BODY) + this.#width(value, BODY),
    );
    const x = RIGHT - Math.max(CONTENT * 0.48, ...widths.map((width) => width + 24));
    return [
      { height: 8, keep: true, draw: () => [] },
      ...rows.map(([label, value]) => this.#total(table, x, label, value, BODY)),
      this.#total(table, x, "Total including VAT", this.#money(total), sum),
    ];
  }

  #total(table: Node, x: number, label: string, value: string, face: Face): Block {
    const row = newNode("TR", table);
    const [head, cell] = [newNode("TH", row, "Row"), newNode("TD", row)];
    const isSum = face.style === "semibold";
    const space = isSum ? 11 : 2;
    return {
      height: leading(face) + space + (isSum ? 5 : 2),
      keep: true,
      draw: (top) => [
        ...(isSum ? [rule(top + 4, "ink", x)] : []),
        ...this.#text([label], face, x, top + space, head),
        ...this.#text([value], face, RIGHT, top + space, cell, "right"),
      ],
    };
  }

  /** What remains to be done with this paper: nothing. */
  closing(): Block[] {
    const { kind, corrects_number } = this.#invoice;
    const text =
      kind === "invoice"
        ? "Paid in full. Nothing is due."
        : `This credit note corrects invoice ${corrects_number}. The amount goes back the way it was paid.`;
    const node = this.#node("P");
    const lines = this.#lines(text, MUTED, CONTENT);
    const height = 24 + lines.length * leading(MUTED);
    return [
      { height, keep: false, draw: (top) => this.#text(lines, MUTED, MARGIN, top + 20, node) },
    ];
  }

  /** The line at the bottom of each page. */
  foot(page: number, pages: number): Item[] {
    const { seller } = this.#invoice;
    const y = PAGE.height - 50;
    const right = `Page ${page} of ${pages}`;
    const left = [seller.name, seller.tax_id ? `VAT ID ${seller.tax_id}` : "", this.title];
    const room = CONTENT - this.#width(right, SMALL) - 20;
    const lines = this.#lines(left.filter(Boolean).join("  ·  "), SMALL, room, 1);
    return [
      rule(y - 9, "line"),
      ...this.#text(lines, SMALL, MARGIN, y, undefined),
      ...this.#text([right], SMALL, RIGHT, y, undefined, "right"),
    ];
  }

  #cell(lines: string[], face: Face, column: Column, top: number, node: Node | undefined): Item[] {
    const x = column.align === "right" ? column.x + column.width : column.x;
    return this.#text(lines, face, x, top, node, column.align);
  }

  /** Lines of text below `top`; `x` is their left or right edge. */
  #text(
    lines: string[],
    { style, size, color }: Face,
    x: number,
    top: number,
    node: Node | undefined,
    align: Align = "left",
  ): Item[] {
    return lines.map((text, index) => ({
      kind: "text",
      x: align === "right" ? x - this.#type.width(text, style, size) : x,
      y: top + size + index * size * LEADING,
      text,
      style,
      size,
      color,
      node,
    }));
  }

  #lines(text: string, face: Face, width: number, most = Number.POSITIVE_INFINITY): string[] {
    const lines = this.#type.wrap(text, face.style, face.size, width);
    if (lines.length <= most) return lines;
    const last = this.#type.wrap(lines[most - 1]!, face.style, face.size, width - face.size * 1.2);
    return [...lines.slice(0, most - 1), `${last[0]}…`];
  }

  #width(text: string, { style, size }: Face): number {
    return this.#type.width(text, style, size);
  }

  #money(amount: number): string {
    return formatMoney(amount, this.#invoice.currency);
  }

  #node(role: Node["role"]): Node {
    return newNode(role, this.#root);
  }
}

/** Fills pages with blocks. A block that may not end a page takes its successors along. */
function paginate(
  blocks: Block[],
  head: { items: Item[]; bottom: number },
  tableHead: (top: number, page: number) => { items: Item[]; bottom: number },
): Item[][] {
  const pages: Item[][] = [];
  let y = 0;
  const turn = (items: Item[], top: number) => {
    const heading = tableHead(top, pages.length);
    pages.push([...items, ...heading.items]);
    y = heading.bottom;
  };
  turn(head.items, head.bottom);
  const freshTop = y - head.bottom + MARGIN;
  blocks.forEach((block, index) => {
    const group = groupHeight(blocks, index);
    const needed = freshTop + group > BOTTOM ? block.height : group;
    if (y + needed > BOTTOM && y > freshTop) turn([], MARGIN);
    pages.at(-1)!.push(...block.draw(y));
    y += block.height;
  });
  return pages;
}

function groupHeight(blocks: Block[], start: number): number {
  let height = 0;
  for (let index = start; index < blocks.length; index++) {
    height += blocks[index]!.height;
    if (!blocks[index]!.keep) break;
  }
  return height;
}

function newNode(role: Node["role"], parent?: Node, scope?: Node["scope"]): Node {
  const node: Node = { role, children: [], ...(scope && { scope }) };
  parent?.children.push(node);
  return node;
}

function rule(y: number, color: Color, x = MARGIN): Item {
  return { kind: "box", x, y, width: RIGHT - x, height: color === "ink" ? 0.8 : 0.5, color };
}

function leading({ size }: Face): number {
  return size * LEADING;
}
