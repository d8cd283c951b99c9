import { z } from "zod";
import type { Database } from "../_shared/database.ts";
import { NotConfigured } from "../_shared/errors.ts";
import { requestId } from "../_shared/log.ts";
import { readJson } from "../_shared/request.ts";

export type Tools = { database: Database; timezone: string };

/** invalid_parameter_value: what Postgres says to a name in `at time zone` that it does not have. */
const unknownTimeZone = "22023";

const Body = z.strictObject({ date: z.iso.date().optional() });

/**
 * Queues the report of the day before (in `REPORT_TIMEZONE`) and of every day that was missed, or of
 * the one that is asked for. Answers `{ queued: [dates] }`: a day that has its report is not queued
 * again, so that it is sent once however often this is called.
 */
export async function requestReports(request: Request, tools: Tools): Promise<Response> {
  const { date } = await readJson(request, Body);
  const [{ queued }] = await tools.database<[{ queued: string[] }]>`
    select private.queue_daily_reports(${tools.timezone}, ${date ?? null}::date)::text[] as queued
    from private.caused_by(${requestId()})`.catch((error) => {
    throw error.code === unknownTimeZone ? new NotConfigured(["REPORT_TIMEZONE"]) : error;
  });
  return Response.json({ queued });
}
