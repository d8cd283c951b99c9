import { z } from "zod";
import type { Database } from "../../_shared/database.ts";
import { renderInvoice } from "../../_shared/invoice/pdf.ts";
import { requestId } from "../../_shared/log.ts";
import { sha256 } from "../../_shared/sha256.ts";
import { kind, type Tools } from "../tools.ts";

/** A row of public.invoices, as far as the file shows it. */
type Document = Parameters<typeof renderInvoice>[0] & {
  id: string;
  user_id: string;
  corrects_id: string | null;
};

/** Issues what a payment lacks, stores each file once with its hash, and mails it. */
export const issueDocuments = kind({
  payload: z.object({ payment_id: z.uuid() }),
  async run({ payment_id }, tools) {
    const documents = await issue(tools, payment_id);
    for (const document of documents) {
      const pdf = await renderInvoice(document);
      await store(tools, `${document.user_id}/${document.number}.pdf`, pdf);
      await tools.database`
        select private.record_pdf(${document.id}, ${sha256(pdf)})
        from private.caused_by(${requestId()})`;
    }
    return { numbers: documents.map((document) => document.number) };
  },
});

async function issue({ database, settings }: Tools, paymentId: string): Promise<Document[]> {
  const seller = database.json({
    name: settings.SELLER_NAME,
    address: settings.SELLER_ADDRESS,
    tax_id: settings.SELLER_TAX_ID,
    tax_rate_percent: settings.TAX_RATE_PERCENT,
  });
  const issued = await database<Document[]>`
    select * from private.issue_documents(${paymentId}, ${seller})`;
  return await Promise.all(
    issued.map(async (document) => ({
      ...document,
      corrects_number: await numberOf(database, document.corrects_id),
    })),
  );
}

async function numberOf(database: Database, id: string | null): Promise<string | null> {
  if (!id) return null;
  const [{ number }] = await database<[{ number: string }]>`
    select number from public.invoices where id = ${id}`;
  return number;
}

async function store({ storage }: Tools, path: string, pdf: Uint8Array): Promise<void> {
  // A try that died before it was noted down has left the very same bytes.
  const { error } = await storage
    .from("invoices")
    .upload(path, pdf, { contentType: "application/pdf", upsert: true });
  if (error) throw error;
}
