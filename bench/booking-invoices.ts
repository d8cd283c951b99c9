/**
 * Run by Deno, as the invoices are: prints as JSON what the worst invoice takes in a process that has
 * made none before (milliseconds of processor time), and what an ordinary one takes after others.
 */
import process from "node:process";
import type { InvoiceDocument } from "../supabase/functions/_shared/invoice/pdf.ts";

const names = [
  "Αλέξανδρος Παπαδόπουλος",
  "محمد بن عبد الله (الرياض)",
  "שלום עולם 123",
  "東京の静かな家",
  "김철수의 집",
  "हिन्दी क्षत्रिय",
  "ที่พักริมน้ำ",
  "საქართველო",
  "Հայաստան",
  "தமிழ் 😎🏡",
];

function invoice(descriptions: string[], name: string): InvoiceDocument {
  const line = { quantity: 3, unit_amount: 12_500, tax_rate_percent: 20 };
  const amounts = { net: 31_250, tax: 6_250, amount: 37_500 };
  return {
    number: "2026-000001",
    kind: "invoice",
    issued_at: "2026-11-20T10:00:00Z",
    corrects_number: null,
    currency: "usd",
    subtotal: 31_250 * descriptions.length,
    tax: 6_250 * descriptions.length,
    total: 37_500 * descriptions.length,
    seller: {
      name: "Djanobnb Rentals Ltd",
      address: "12 Harbour Street\nDublin\nIreland",
      tax_id: "IE1",
    },
    buyer: { name, address: "7 Long Lane\nCork\nIreland", email: "maria@example.com" },
    lines: descriptions.map((description) => ({ ...line, ...amounts, description })),
  };
}

const mixed = (length: number) => [...names.join(" ").repeat(9)].slice(0, length).join("");
const worst = invoice(
  Array.from({ length: 200 }, (_, n) => mixed(255 - n)),
  mixed(255),
);
const ordinary = (n: number) =>
  invoice(
    [`A quiet cottage, number ${n}, Cork, Ireland: 4 to 7 December 2026`, "Service fee"],
    `Maria ${n}`,
  );

const before = process.cpuUsage();
const { renderInvoice } = await import("../supabase/functions/_shared/invoice/pdf.ts");
await renderInvoice(worst);
const { user, system } = process.cpuUsage(before);
const times: number[] = [];
for (let n = 0; n < 60; n++) {
  const started = performance.now();
  await renderInvoice(ordinary(n));
  if (n >= 10) times.push(performance.now() - started);
}
console.log(JSON.stringify({ worst: (user + system) / 1e6, times }));
