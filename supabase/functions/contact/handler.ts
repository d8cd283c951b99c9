import { z } from "zod";
import type { Database } from "../_shared/database.ts";
import { requestId } from "../_shared/log.ts";
import { ipOf, readJson } from "../_shared/request.ts";

export type Tools = { database: Database };

/** One line of text that one can see: without control characters, and without marks that turn text around. */
const line = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(/[^\s\p{Default_Ignorable_Code_Point}\u2800]/u)
  .regex(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+$/u);

const Message = z.strictObject({
  name: line,
  address: z.string().trim().max(254).pipe(z.email()),
  subject: line,
  message: z
    .string()
    .max(10_000)
    .regex(/[^ \t\r\n]/)
    .regex(/^[^\0]+$/),
});
const Confirmation = z.strictObject({ token: z.string().regex(/^[0-9a-f]{64}$/) });
const Body = z.union([Message, Confirmation], {
  error:
    "Please send { name, address, subject, message } with an e-mail address, a name and a subject of " +
    "up to 255 characters and a message of up to 10,000; or the { token } of the link that we mailed.",
});

/**
 * Takes what a visitor without an account writes, and mails them a link to the site. Staff see it
 * when the page behind that link has sent its token here. The answers say nothing about who has an
 * account.
 */
export async function contact(request: Request, { database }: Tools): Promise<Response> {
  const body = await readJson(request, Body);
  if ("token" in body) {
    await database`select private.confirm_contact(${body.token})`;
    return Response.json({ status: "confirmed" });
  }
  const { name, address, subject, message } = body;
  await database`
    select private.receive_contact(${name}, ${address}, ${subject}, ${message}, ${ipOf(request)})
    from private.caused_by(${requestId()})`;
  return Response.json({ status: "confirmation_sent" }, { status: 202 });
}
