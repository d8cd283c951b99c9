import { HTTPException } from "hono/http-exception";

/** PostgREST's statuses for SQLSTATEs, those of one code before those of its class. */
const statuses: [codes: RegExp, status: number][] = [
  [/^23503|^23505/, 409],
  [/^25006/, 405],
  [/^42883|^42P01/, 404],
  [/^P0001/, 400],
  [/^53(?!400)/, 503],
  [/^09|^21000|^25|^2D|^38|^39|^3B|^40|^42P17|^5[34578]|^F0|^HV|^P0|^XX/, 500],
];

/** Whether an error says that the database cannot be reached now. */
export function isDown({ code }: Error & { code?: string }): boolean {
  return /^(CONNECT|ECONN|08|57P0)/.test(code ?? "");
}

/** Answers an error of the database as PostgREST does; what is none of the kind is thrown on. */
export function refusal(error: Error & Record<string, string>, role: string): Response {
  if (error instanceof HTTPException && error.res) return error.res;
  const { name, code, message, details = "", detail = null, hint = null } = error;
  // The driver cannot even send a list or a number for a date or a text; Postgres says no to it.
  const odd = { code: "22P02", details: null, hint: null, message: "A value is not of its type" };
  if (code === "ERR_INVALID_ARG_TYPE") return Response.json(odd, { status: 400 });
  // lite names the schema of whichever key it finds first.
  if (code === "PGRST200") error.details = details.replace(/'\w+', but/, "'public', but");
  if (name !== "PostgresError" || !code || isDown(error)) throw error;
  return Response.json({ code, details: detail, hint, message }, { status: statusOf(code, role) });
}

function statusOf(code: string, role: string): number {
  if (code === "42501") return role === "anon" ? 401 : 403;
  const own = /^PT([2-5]\d\d)$/.exec(code);
  return own ? Number(own[1]) : (statuses.find(([codes]) => codes.test(code))?.[1] ?? 400);
}
