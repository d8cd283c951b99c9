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
export function refusal(error: unknown, role: string): Response {
  if (error instanceof HTTPException && error.res) return error.res;
  const { name, code, message, detail = null, hint = null } = error as Record<string, string>;
  // The driver cannot even send a list or a number for a date or a text; Postgres says no to it.
  if (code === "ERR_INVALID_ARG_TYPE") {
    const message = "A value is not of its type";
    return Response.json({ code: "22P02", details: null, hint: null, message }, { status: 400 });
  }
  if (name !== "PostgresError" || !code || isDown(error as Error)) throw error;
  return Response.json({ code, details: detail, hint, message }, { status: statusOf(code, role) });
}

function statusOf(code: string, role: string): number {
  if (code === "42501") return role === "anon" ? 401 : 403;
  const own = /^PT([2-5]\d\d)$/.exec(code);
  return own ? Number(own[1]) : (statuses.find(([codes]) => codes.test(code))?.[1] ?? 400);
}
