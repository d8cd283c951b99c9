import { HTTPException } from "hono/http-exception";
import { z } from "zod";

// biome-ignore lint/suspicious/noExplicitAny: Stripe's objects are wide and often partly filled
export type Row = Record<string, any>;

export const day = 86_400;
export const now = () => Math.floor(Date.now() / 1000);

/** An error as Stripe words it; thrown, it becomes the answer. */
export function refusal(message: string, code?: string, param?: string, status = 400) {
  const fault = status === 503 ? "api_error" : "invalid_request_error";
  const type = code?.startsWith("idempotency") ? "idempotency_error" : fault;
  return new HTTPException(status as 400, { cause: { type, code, message, param } });
}

// What the calls take.
const digits = (pattern: RegExp) => z.string().regex(pattern).transform(Number);
const positive = digits(/^[1-9]\d{0,9}$/);
const text = z.string().min(1).max(5000);
const url = z.url({ protocol: /^https?$/ });
const metadata = z.record(z.string().max(40), z.string().max(500));
const code = z.string().toLowerCase();
const currency = code.refine((letters) => /^[a-z]{3}$/.test(letters), "Not a currency");
const product_data = z.strictObject({ name: text, description: text.optional() });
const unit_amount = digits(/^\d{1,10}$/);
const price_data = z.strictObject({ currency, unit_amount, product_data });
const soon = (at: number) => at >= now() + 1800 && at <= now() + day;
export const newSession = z.strictObject({
  mode: z.literal("payment"),
  success_url: url,
  cancel_url: url.optional(),
  line_items: z.record(z.string(), z.strictObject({ price_data, quantity: positive })),
  expires_at: positive.refine(soon, "It has to be 30 minutes to 24 hours from now").optional(),
  customer: text.optional(),
  customer_email: z.email().optional(),
  client_reference_id: text.max(200).optional(),
  payment_intent_data: z.strictObject({ description: text, metadata }).partial().optional(),
  payment_method_types: z.record(z.string(), z.literal("card")).optional(),
  billing_address_collection: z.enum(["auto", "required"]).optional(),
  metadata: metadata.optional(),
});
const reason = z.enum(["duplicate", "fraudulent", "requested_by_customer"]);
const refundFields = { payment_intent: text, charge: text, amount: positive, reason, metadata };
export const newRefund = z.strictObject(refundFields).partial();
const clearable = z.string().max(5000);
const email = z.email().or(z.literal(""));
export const customerFields = z
  .strictObject({ email, name: clearable, phone: clearable, description: clearable, metadata })
  .partial();
const created = z.partialRecord(z.enum(["gt", "gte", "lt", "lte"]), positive);
const limit = positive.refine((rows) => rows <= 100, "At most 100");
const paging = { limit, created, starting_after: text };
const filters = { payment_intent: text, charge: text, customer: text, email: text };
export const page = z.strictObject({ ...paging, ...filters, status: text, type: text }).partial();

/** Reads `a[b][0]=c` as nested objects; a list is an object with the keys 0, 1, … */
export function nest(form: URLSearchParams): Row {
  const root: Row = Object.create(null);
  for (const [name, value] of form) {
    const path = name.replaceAll("]", "").split("[");
    const last = path.pop()!;
    let node = root;
    for (const key of path) node = node[key] ??= Object.create(null);
    node[last || Object.keys(node).length] = value;
  }
  return root;
}

/** The parameters as `schema` wants them, or Stripe's words about one that does not fit. */
export function parse<T extends z.ZodType>(schema: T, params: Row): z.output<T> {
  const { data, error } = schema.safeParse(params);
  if (!error) return data;
  const issue = error.issues[0]!;
  const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
  const path = [...issue.path, ...unknown.slice(0, 1)].map(String);
  const param = path.map((key, depth) => (depth ? `[${key}]` : key)).join("");
  if (unknown[0]) throw refusal(`Received unknown parameter: ${param}`, "parameter_unknown", param);
  const value = path.reduce<Row | undefined>((at, key) => at?.[key], params);
  if (!value) throw refusal(`Missing required param: ${param}.`, "parameter_missing", param);
  const format = issue.code === "invalid_format" ? issue.format : "";
  const code =
    format === "regex" ? "parameter_invalid_integer" : `${format || "parameter"}_invalid`;
  throw refusal(`Invalid ${param}: ${issue.message}`, code, param);
}
