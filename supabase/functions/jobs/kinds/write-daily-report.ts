import Papa from "papaparse";
import { z } from "zod";
import { requestId } from "../../_shared/log.ts";
import { kind, type Tools } from "../tools.ts";

const shownInMail = 200;
const rowsAtATime = 2000;

const Payload = z.object({ report_date: z.iso.date(), timezone: z.string() });
type Day = z.infer<typeof Payload>;

type Property = {
  id: string;
  title: string;
  city: string;
  country_name: string;
  category: string;
  price_per_night: number;
  currency: string;
  host_name: string;
  created_at: Date;
};

/** Writes the report of a day: the first 200 new properties in the mail, all of them as a CSV file. */
export const writeDailyReport = kind({
  payload: Payload,
  async run(day, tools) {
    const { count, first, csv } = await read(day, tools);
    const attachments = count > shownInMail ? [await store(day, csv, tools)] : [];
    const { database } = tools;
    await database`
      select private.mail_daily_report(
        ${day.report_date}, ${day.timezone}, ${count}, ${database.json(first)}, ${database.json(attachments)}
      ) from private.caused_by(${requestId()})`;
    return { property_count: count };
  },
});

/** Reads the properties in portions, so that a day with a hundred thousand of them needs little memory. */
async function read({ report_date, timezone }: Day, { database }: Tools) {
  const first: Property[] = [];
  // As bytes: the pieces that such a string is made of take several times as much.
  const csv: Uint8Array<ArrayBuffer>[] = [];
  const encoder = new TextEncoder();
  let count = 0;
  const rows = database<Property[]>`
    select * from private.new_properties_on(${report_date}, ${timezone})`;
  for await (const portion of rows.cursor(rowsAtATime)) {
    first.push(...portion.slice(0, shownInMail - first.length));
    csv.push(encoder.encode(toCsv(portion, count === 0)));
    count += portion.length;
  }
  return {
    count,
    first: JSON.parse(JSON.stringify(first)),
    csv: new Blob(csv),
  };
}

/**
 * A spreadsheet opens this without running anything: what begins like a formula gets an apostrophe.
 * A mark at the beginning tells Excel that it is UTF-8.
 */
function toCsv(properties: Property[], header: boolean): string {
  const rows = properties.map(({ created_at, price_per_night, ...property }) => ({
    ...property,
    price_per_night: (price_per_night / 100).toFixed(2),
    created_at: created_at.toISOString(),
  }));
  return `${header ? "\ufeff" : ""}${Papa.unparse(rows, { header, escapeFormulae: true })}\r\n`;
}

async function store({ report_date }: Day, csv: Blob, { storage }: Tools) {
  const path = `${report_date}.csv`;
  // As bytes: of a blob Storage would not learn that it is a CSV file, and take none of another type.
  const { error } = await storage
    .from("reports")
    .upload(path, await csv.arrayBuffer(), { contentType: "text/csv", upsert: true });
  if (error) throw error;
  return { bucket: "reports", path, filename: `new-properties-${report_date}.csv` };
}
