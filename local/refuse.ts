/** A refusal of the gateway's own; a browser may read it wherever it comes from. */
export function refuse(status: number, code: string, message: string): Response {
  const headers = { "access-control-allow-origin": "*", "sb-error-code": code };
  return Response.json({ code, message, details: null, hint: null }, { status, headers });
}
