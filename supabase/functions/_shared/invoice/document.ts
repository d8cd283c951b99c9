import { z } from "zod";

const cents = z.int().nonnegative();
const percent = z.number().min(0).max(100);
const number = z.string().regex(/^(CN-)?\d{4}-\d{6,}$/, "is no invoice number");

/** What is printed: a row of `public.invoices` and the number of the invoice that it corrects. */
export const invoiceDocument = z
  .object({
    number,
    kind: z.enum(["invoice", "credit_note"]),
    issued_at: z.coerce.date(),
    corrects_number: number.nullable(),
    currency: z.string().regex(/^[a-z]{3}$/i, "is no currency code"),
    subtotal: cents,
    tax: cents,
    total: cents,
    seller: z.object({
      name: z.string().min(1),
      address: z.string(),
      tax_id: z.string().nullish(),
    }),
    buyer: z.object({
      name: z.string().min(1),
      address: z.string().nullish(),
      email: z.string().nullish(),
    }),
    lines: z
      .array(
        z.object({
          description: z.string(),
          quantity: z.number().positive(),
          unit_amount: cents,
          tax_rate_percent: percent,
          net: cents,
          tax: cents,
          amount: cents,
        }),
      )
      .min(1),
  })
  .refine((document) => (document.kind === "credit_note") === (document.corrects_number !== null), {
    message: "a credit note, and nothing else, names the invoice that it corrects",
    path: ["corrects_number"],
  });

export type InvoiceDocument = z.input<typeof invoiceDocument>;
export type Invoice = z.output<typeof invoiceDocument>;

/** What the lines come to at one rate: the law wants the taxable amount and the tax of each. */
export type RateTotal = { rate: number; net: number; tax: number };

/** The totals by rate, highest rate first. */
export function totalsByRate(lines: Invoice["lines"]): RateTotal[] {
  const totals = new Map<number, RateTotal>();
  for (const line of lines) {
    const total = totals.get(line.tax_rate_percent) ?? {
      rate: line.tax_rate_percent,
      net: 0,
      tax: 0,
    };
    total.net += line.net;
    total.tax += line.tax;
    totals.set(line.tax_rate_percent, total);
  }
  return [...totals.values()].sort((one, other) => other.rate - one.rate);
}
