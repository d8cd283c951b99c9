/** Each template as it mostly is, and at its edges. Shown by the preview page, checked by tests. */

export type Sample = { template: string; variant: string; props: Record<string, unknown> };

const ID = "0b6e7a1c-53a8-4c4e-9f5e-6a0d6c1f2b11";
const LONG =
  "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(3);
export const HOSTILE = `<a href="https://evil.test">free</a> <script>alert(1)</script> & "quotes"`;
export const INVISIBLE = "\u200e\u200f\ufeff";
export const SCRIPTS = "Αθήνα Москва 東京 서울 الرياض תל אביב हिन्दी 😎";

const stay = {
  recipient_name: "Maria Silva",
  reservation_id: ID,
  property_id: ID,
  property_title: "Sunlit loft above the old harbour",
  city: "Lisbon",
  country_name: "Portugal",
  host_name: "João Almeida",
  guest_name: "Maria Silva",
  check_in: "2026-12-04",
  check_out: "2026-12-07",
  nights: 3,
  guests: 2,
  subtotal: 37_500,
  service_fee: 1_875,
  total: 39_375,
  currency: "usd",
  invoice_number: "2026-000001",
};

const cancelled = {
  ...stay,
  audience: "guest",
  cancelled_by: "guest",
  refund_amount: 19_688,
  is_disputed: false,
};

const messages = [
  {
    author_name: "Ines from Djanobnb",
    author_role: "agent",
    body: "Good news: the host will be there from noon, so you can drop your bags before check-in.\n\nIs there anything else that I can do for you?",
    created_at: "2026-11-20T14:05:00Z",
  },
  {
    author_name: "Maria Silva",
    author_role: "user",
    body: "We land at eleven. Could we leave our bags at the flat before three o'clock?",
    created_at: "2026-11-20T09:41:12.123+00:00",
  },
];

const inquiry = {
  recipient_name: "Maria Silva",
  inquiry_id: ID,
  subject: "Leaving bags before check-in",
  severity: "normal",
  author_name: "Maria Silva",
  due_at: "2026-11-23T09:41:00Z",
  assigned_to_name: null,
  message: messages[1]!.body,
  messages,
};

const home = (index: number) => ({
  id: `0b6e7a1c-53a8-4c4e-9f5e-${String(index).padStart(12, "0")}`,
  title: ["Cabin by the lake", "Attic with a view of the cathedral", "Houseboat"][index % 3],
  city: ["Tampere", "Cologne", "Amsterdam"][index % 3],
  country_name: ["Finland", "Germany", "Netherlands"][index % 3],
  category: ["cabin", "apartment", "houseboat"][index % 3],
  price_per_night: 8_900 + index * 100,
  currency: "usd",
  host_name: ["Aino Virtanen", "Jonas Weber", "Sanne de Vries"][index % 3],
});

const report = {
  report_date: "2026-11-19",
  timezone: "UTC",
  property_count: 3,
  totals: {
    new_listings: 3,
    bookings: 41,
    turnover: [{ currency: "usd", amount: 1_234_550 }],
    open_inquiries: { urgent: 1, high: 4, normal: 12 },
  },
  properties: [0, 1, 2].map(home),
};

const contact = {
  confirm_url_path: "/contact/confirm?token=f3b1c2d4e5",
};

const alert = {
  alert: "amount_mismatch",
  summary:
    "A payment differs from what the reservation costs. It was not confirmed; please look into it.",
  facts: [
    { label: "Payment", value: ID },
    { label: "Checkout session", value: "cs_test_a1QxYz" },
    { label: "Expected", value: "393.75 USD" },
    { label: "Paid", value: "10.00 USD" },
  ],
};

const ordinary: Sample[] = [
  ["booking_confirmed", "", stay],
  ["booking_received", "", stay],
  ["reservation_cancelled", "by the guest, to the guest", cancelled],
  ["reservation_cancelled", "by the host, to the guest", { ...cancelled, cancelled_by: "host" }],
  ["reservation_cancelled", "late, nothing comes back", { ...cancelled, refund_amount: 0 }],
  ["reservation_cancelled", "while the bank has the money", { ...cancelled, is_disputed: true }],
  ["cancelled_stay_invoiced", "", cancelled],
  ["reservation_cancelled", "to the host", { ...cancelled, audience: "host" }],
  ["unused_payment_refunded", "", { ...stay, amount: 39_375, reason: "too_late" }],
  ["unused_payment_refunded", "given back", { ...stay, amount: 39_375, reason: "given_back" }],
  ["unused_payment_refunded", "paid twice", { ...stay, amount: 39_375, reason: "paid_twice" }],
  ["payment_refunded", "", { ...cancelled, amount: 19_688, credit_note_number: "CN-2026-000001" }],
  ["admin_alert", "", alert],
  ["admin_alert", "of a new kind, without facts", { ...alert, alert: "queue_is_stuck", facts: [] }],
  ["property_created", "", stay],
  ["property_archived", "", { ...stay, last_change: "2025-11-18" }],
  ["daily_report", "", report],
  [
    "daily_report",
    "of a quiet day",
    {
      ...report,
      property_count: 0,
      properties: [],
      totals: {
        new_listings: 0,
        bookings: 0,
        turnover: [],
        open_inquiries: { urgent: 0, high: 0, normal: 0 },
      },
    },
  ],
  [
    "daily_report",
    "with more than fit",
    {
      ...report,
      property_count: 1_234,
      properties: Array.from({ length: 200 }, (_, index) => home(index)),
    },
  ],
  ["inquiry_received", "", inquiry],
  ["inquiry_reply", "", inquiry],
  ["inquiry_assigned", "", { ...inquiry, recipient_name: "Ines", severity: "urgent" }],
  ["inquiry_assigned", "nothing due", { ...inquiry, recipient_name: "Ines", due_at: null }],
  ["inquiry_customer_message", "", { ...inquiry, recipient_name: "Ines", messages: [messages[1]] }],
  ["inquiry_overdue", "", inquiry],
  ["contact_confirmation", "", contact],
].map(([template, variant, props]) => ({ template, variant, props }) as Sample);

/** Fields that people fill in, whatever they fill them with. */
const WRITTEN = new Set([
  "recipient_name",
  "property_title",
  "title",
  "city",
  "host_name",
  "guest_name",
  "author_name",
  "assigned_to_name",
  "subject",
  "message",
  "body",
  "summary",
]);

function write(value: unknown, text: string, field = ""): unknown {
  if (Array.isArray(value)) return value.slice(0, 3).map((one) => write(one, text));
  if (value && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, write(inner, text, key)]),
    );
  }
  return WRITTEN.has(field) ? text : value;
}

/** The sample with this text wherever people write. */
export function filledWith(text: string, variant: string): Sample[] {
  return ordinary
    .filter(({ variant }) => variant === "" || variant.includes("to the guest"))
    .map(({ template, variant: own, props }) => ({
      template,
      variant: own ? `${own}, ${variant}` : variant,
      props: write(props, text) as Record<string, unknown>,
    }));
}

export const samples: Sample[] = [
  ...ordinary,
  ...filledWith(LONG, "with long words"),
  ...filledWith(SCRIPTS, "in other scripts"),
  ...filledWith(HOSTILE, "with markup in names"),
].sort((one, other) => one.template.localeCompare(other.template));
