import { extractText, getDocumentProxy } from "unpdf";
import { describe, expect, it } from "vitest";
import {
  type InvoiceDocument,
  renderInvoice,
} from "../../supabase/functions/_shared/invoice/pdf.ts";

type Line = InvoiceDocument["lines"][number];

const HOSTILE = [
  "Αλέξανδρος Παπαδόπουλος",
  "Дмитрий Шостакович",
  "محمد بن عبد الله (الرياض)",
  "שלום עולם 123",
  "東京の静かな家",
  "김철수의 집",
  "हिन्दी क्षत्रिय",
  "ที่พักริมน้ำ",
  "საქართველო",
  "Հայաստան",
  "தமிழ் 😎🏡",
  "x\u0302 Ştefan ẞ",
];

function line(description: string, quantity = 1, unit = 12_500, rate = 20): Line {
  const amount = quantity * unit;
  const net = Math.round(amount / (1 + rate / 100));
  return {
    description,
    quantity,
    unit_amount: unit,
    tax_rate_percent: rate,
    net,
    tax: amount - net,
    amount,
  };
}

function invoice(lines: Line[], changes: Partial<InvoiceDocument> = {}): InvoiceDocument {
  const sum = (of: "net" | "tax" | "amount") => lines.reduce((total, one) => total + one[of], 0);
  return {
    number: "2026-000001",
    kind: "invoice",
    issued_at: "2026-11-20T10:00:00Z",
    corrects_number: null,
    currency: "usd",
    subtotal: sum("net"),
    tax: sum("tax"),
    total: sum("amount"),
    seller: {
      name: "Djanobnb Rentals Ltd",
      address: "12 Harbour Street\nDublin D02 X285\nIreland",
      tax_id: "IE1234567T",
    },
    buyer: { name: "Mária Ångström-Đặng", email: "maria@example.com" },
    lines,
    ...changes,
  };
}

const ORDINARY = invoice([
  line("Stay in “Sunlit loft”, Lisbon, Portugal: 4–7 December 2026, 2 guests", 3),
  line("Service fee", 1, 4_500),
]);

async function read(bytes: Uint8Array): Promise<{ pages: string[]; text: string }> {
  const { text } = await extractText(await getDocumentProxy(bytes.slice()));
  return { pages: text, text: text.join("\n") };
}

describe("an invoice", () => {
  it("says all that the law asks for", async () => {
    const { text, pages } = await read(await renderInvoice(ORDINARY));
    expect(pages).toHaveLength(1);
    for (const fact of [
      "Invoice",
      "2026-000001",
      "20 November 2026",
      "Djanobnb Rentals Ltd",
      "12 Harbour Street",
      "VAT ID IE1234567T",
      "Mária Ångström-Đặng",
      "4–7 December 2026, 2",
      "$104.17",
      "20%",
      "VAT 20% on $350.00",
      "$70.00",
      "Total including VAT",
      "$420.00",
      "Page 1 of 1",
    ]) {
      expect(text).toContain(fact);
    }
  });

  it("bears title, language, dates and a structure", async () => {
    const pdf = await getDocumentProxy(await renderInvoice(ORDINARY));
    expect((await pdf.getMetadata()).info).toMatchObject({
      Title: "Invoice 2026-000001",
      Author: "Djanobnb Rentals Ltd",
      Producer: "Djanobnb",
      CreationDate: "D:20261120100000Z",
      Language: "en",
    });
    expect(await pdf.getMarkInfo()).toMatchObject({ Marked: true });
    expect(await pdf.getViewerPreferences()).toMatchObject({ DisplayDocTitle: true });
    const tree = JSON.stringify(await (await pdf.getPage(1)).getStructTree());
    for (const role of ["H1", "Table", "TR", "TH", "TD"]) {
      expect(tree).toContain(`"role":"${role}"`);
    }
  });

  it("is the same file each time, whatever was printed in between", async () => {
    const first = await renderInvoice(ORDINARY);
    await renderInvoice(invoice(HOSTILE.map((name) => line(name))));
    expect(await renderInvoice(ORDINARY)).toEqual(first);
    expect(first.byteLength).toBeLessThan(60_000);
  });

  it("prints no mark that joins letters, in the first document of a process and in any other", async () => {
    const joined = invoice([line("Sea\u200dside home\ufe0f", 1, 10_000)]);
    const first = await renderInvoice(joined);
    await renderInvoice(invoice([line("Ann\u200d", 1, 10_000)]));
    expect(await renderInvoice(joined)).toEqual(first);
    expect((await read(first)).text).toContain("Seaside home");
  });

  it("breaks no date", async () => {
    for (let letters = 1; letters < 60; letters++) {
      const stay = `${"x".repeat(letters)}: 13 December 2026 to 16 December 2026`;
      const { text } = await read(await renderInvoice(invoice([line(stay, 3)])));
      expect(text).toContain("13 December 2026");
      expect(text).toContain("16 December 2026");
    }
  });

  it("is printed for currencies without cents, and without tax", async () => {
    const yen = invoice([line("Stay", 2, 12_500, 0)], { currency: "jpy" });
    const { text } = await read(await renderInvoice(yen));
    expect(text).toContain("¥25,000");
    expect(text).toContain("VAT 0% on ¥25,000");
  });

  it("lists the totals of each rate", async () => {
    const { text } = await read(
      await renderInvoice(invoice([line("Stay", 1, 11_000, 10), line("Fee", 1, 12_000, 20)])),
    );
    expect(text).toContain("VAT 20% on $100.00");
    expect(text).toContain("VAT 10% on $100.00");
    expect(text).toContain("VAT in all");
  });

  it("is refused when it contradicts itself", async () => {
    await expect(renderInvoice({ ...ORDINARY, corrects_number: "2026-000009" })).rejects.toThrow(
      "names the invoice",
    );
    await expect(renderInvoice({ ...ORDINARY, lines: [] })).rejects.toThrow();
    await expect(renderInvoice({ ...ORDINARY, total: 1.5 })).rejects.toThrow();
  });
});

describe("a credit note", () => {
  it("says that it is one and which invoice it corrects", async () => {
    const { text } = await read(
      await renderInvoice({
        ...ORDINARY,
        kind: "credit_note",
        number: "CN-2026-000003",
        corrects_number: "2026-000001",
      }),
    );
    expect(text).toContain("Credit note");
    expect(text).toContain("CN-2026-000003");
    expect(text).toContain("This credit note corrects invoice 2026-000001.");
    expect(text).not.toContain("Nothing is due");
  });
});

describe("what people write", () => {
  it.each([
    "Żółć Đặng Þór ǅ ß",
    "Ελευθερία Ἀθῆναι",
    "Съешь Їжак Ўзбек",
    "東京の静かな家",
    "김철수의",
  ])("prints %s", async (name) => {
    const { text } = await read(
      await renderInvoice(invoice([line("Stay")], { buyer: { name, email: null } })),
    );
    expect(text).toContain(name);
  });

  it("prints scripts that run from right to left, and those that need shaping", async () => {
    const names = ["שלום", "محمد", "ที่พัก", "საქართველო", "Հայաստան"];
    const { text } = await read(await renderInvoice(invoice(names.map((name) => line(name)))));
    const letters = new Set(text.normalize("NFKC"));
    for (const letter of names.join("")) expect(letters).toContain(letter);
  });

  it("spells what it has no letters for, and leaves a box where there is no spelling", async () => {
    const { text } = await read(await renderInvoice(invoice([line("தமிழ் 😎 \u{e000}")])));
    expect(text).toContain("tmil :sunglasses: □");
  });

  it("prints letters with accents that only another font has", async () => {
    const { text } = await read(await renderInvoice(invoice([line("\uff21\u0301 水\u0300")])));
    expect(text).toContain("\uff21");
    expect(text).toContain("水");
    expect(text).not.toContain("□");
  });

  it("drops what would steer or break the text", async () => {
    const { text } = await read(
      await renderInvoice(invoice([line("a\u202egnp.exe\u0000\u0007b\r\nsecond line")])),
    );
    expect(text).toContain("agnp.exeb");
    expect(text).toContain("second line");
  });
});

describe("any number of lines and any length of names", () => {
  it("goes on over pages with the head repeated, and keeps the totals with the last line", async () => {
    for (const count of [13, 14, 15, 16, 17, 18, 19, 20, 60]) {
      const lines = Array.from({ length: count }, (_, index) => line(`Night ${index + 1}.`));
      const { pages } = await read(await renderInvoice(invoice(lines)));
      for (const [index, page] of pages.entries()) {
        expect(page).toContain("Description");
        expect(page).toContain(`Page ${index + 1} of ${pages.length}`);
      }
      expect(pages.at(-1)).toContain(`Night ${count}.`);
      expect(pages.at(-1)).toContain("Total including VAT");
      for (let night = 1; night <= count; night++) {
        expect(pages.filter((page) => page.includes(`Night ${night}.`))).toHaveLength(1);
      }
    }
  });

  it("stays small, though each of many hundred letters is another one", async () => {
    const letters = (from: number) =>
      String.fromCodePoint(...Array.from({ length: 255 }, (_, index) => from + index));
    const booking = [line(`${letters(0x4e00)}, ${letters(0x5200)}, Japan`, 3), line("Service fee")];
    const pdf = await renderInvoice(invoice(booking, { buyer: { name: letters(0xac00) } }));
    expect(pdf.byteLength).toBeLessThan(60_000);
  });

  it("stays on the paper in the worst case", async () => {
    const blob = HOSTILE.join("").replaceAll(" ", "").slice(0, 255);
    const lines = Array.from({ length: 200 }, (_, index) =>
      line(["W".repeat(255), blob, HOSTILE[index % HOSTILE.length]!][index % 3]!, index + 1, 1e9),
    );
    const worst = invoice(lines, {
      buyer: { name: "Ü".repeat(255), email: `${"a".repeat(240)}@example.com` },
    });
    await renderInvoice(worst);
    const started = performance.now();
    const bytes = await renderInvoice(worst);
    const ordinary = performance.now();
    await renderInvoice(ORDINARY);
    console.info(
      `worst invoice ${Math.round(ordinary - started)} ms, ${bytes.byteLength >> 10} KB;`,
      `ordinary one ${Math.round(performance.now() - ordinary)} ms`,
    );

    const pdf = await getDocumentProxy(bytes);
    for (let number = 1; number <= pdf.numPages; number++) {
      const { items } = await (await pdf.getPage(number)).getTextContent();
      for (const item of items) {
        if (!("transform" in item) || !item.str.trim()) continue;
        const [x, y] = [item.transform[4] as number, item.transform[5] as number];
        expect(x).toBeGreaterThanOrEqual(47);
        expect(x + item.width).toBeLessThanOrEqual(549);
        expect(y).toBeGreaterThan(40);
      }
    }
  }, 20_000);
});
