import { z } from "zod";

/** The kinds of values that templates take; their names in the outbox are snake_case. */
export const id = z.guid();
export const day = z.iso.date();
export const instant = z.iso.datetime({ offset: true });
export const money = z.int().nonnegative();
export const currency = z.string().regex(/^[a-z]{3}$/i, "is no currency code");
export const count = z.int().nonnegative();
export const text = z.string().min(1);
export const severity = z.enum(["normal", "high", "urgent"]);

/** A message of an inquiry's thread, as it is quoted. */
export const message = z.object({
  author_name: text,
  author_role: z.string(),
  body: z.string(),
  created_at: instant,
});
