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

/** PostgREST's statuses for SQLSTATEs and for their classes; all others are 400. */
const byCode: Record<string, number> = {
  ...{ "21000": 500, "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404 },
  ...{ "42P17": 500, "57P01": 503, P0001: 400, PGRST001: 503, PGRST205: 404 },
};
const byClass: Record<string, number> = {
  ...{ "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500 },
  ...{ "39": 500, "3B": 500, "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500 },
  ...{ F0: 500, HV: 500, P0: 500, XX: 500 },
};

function status({ code }: DatabaseError, role: string): number {
  if (code === "42501") return role === "anon" ? 401 : 403;
  const own = /^PT([2-5]\d\d)$/.exec(code);
  return own ? Number(own[1]) : (byCode[code] ?? byClass[code.slice(0, 2)] ?? 400);
}
