export type DatabaseError = { code: string; message: string; detail?: string; hint?: string };

/** What PostgREST would answer with the code of, or nothing when that is a fault of ours. */
export function asDatabaseError(error: unknown): DatabaseError | undefined {
  const { name, code = "" } = error as DatabaseError & { name: string };
  if (name === "PostgresError") return error as DatabaseError;
  if (!/^(ECONN|CONNECT)/.test(code)) return undefined;
  return { code: "PGRST001", message: "The database is out of reach." };
}

/** Answers a database error as PostgREST does. */
export function refusal(error: DatabaseError, role: string): Response {
  const { code, message, detail = null, hint = null } = error;
  return Response.json({ code, details: detail, hint, message }, { status: status(error, role) });
}

/** PostgREST's statuses for SQLSTATEs, those of one code before those of its class. */
const statuses: [codes: RegExp, status: number][] = [
  [/^23503|^23505/, 409],
  [/^25006/, 405],
  [/^42883|^42P01|^PGRST205/, 404],
  [/^P0001/, 400],
  [/^08|^53(?!400)|^57P01|^PGRST001/, 503],
  [/^0L|^0P|^28/, 403],
  [/^09|^21000|^25|^2D|^38|^39|^3B|^40|^42P17|^5[34578]|^F0|^HV|^P0|^XX/, 500],
];

function status({ code }: DatabaseError, role: string): number {
  if (code === "42501") return role === "anon" ? 401 : 403;
  const own = /^PT([2-5]\d\d)$/.exec(code);
  return own ? Number(own[1]) : (statuses.find(([codes]) => codes.test(code))?.[1] ?? 400);
}
