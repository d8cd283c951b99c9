import { html, raw } from "hono/html";
import type { Row } from "./params.ts";

/** Nothing is loaded or run but this page's own style, whatever the names on it contain. */
export const pageHeaders = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

const style = raw(`<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --main: #5145cd;
    --soft: light-dark(#5a6072, #a9aebe); --line: light-dark(#d5d8e0, #3b3f4b); }
  * { box-sizing: border-box; margin: 0; }
  body { background: light-dark(#f5f6f9, #14161b); overflow-wrap: anywhere; }
  body > p { padding: .5rem 1rem; text-align: center; background: light-dark(#fff0c2, #46390d); }
  main { display: grid; gap: 2rem 5rem; max-width: 64rem; margin: auto; padding: 2rem 1rem; }
  @media (min-width: 48rem) { main { grid-template-columns: 1fr 1fr; padding: 5rem 2rem; } }
  h1 { margin: .25rem 0 1.5rem; font-size: 2.5rem; line-height: 1.2; }
  h2 { margin-bottom: 1rem; font-size: 1.25rem; }
  small { display: block; color: var(--soft); font-size: .875rem; }
  a { color: light-dark(#4338b8, #b3acff); }
  ul { padding: 0; list-style: none; }
  li > :last-child { white-space: nowrap; }
  li { display: flex; justify-content: space-between; gap: 1rem; padding: 1rem 0;
    border-top: 1px solid var(--line); }
  .card { align-self: start; padding: 1.5rem; border: 1px solid var(--line); border-radius: 12px;
    background: light-dark(#fff, #1d2027); }
  .card p + p { margin-top: 1rem; }
  .card > div { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
  label { display: block; margin-bottom: 1rem; color: var(--soft); font-size: .875rem; }
  input, button { width: 100%; padding: .75rem; border: 1px solid var(--line); border-radius: 8px;
    background: none; color: light-dark(#191b22, #f1f2f5); font: inherit; font-size: 1rem; }
  button { margin-top: .5rem; font-weight: 600; cursor: pointer; }
  button[value=pay] { border-color: var(--main); background: var(--main); color: #fff; }
  :focus-visible { outline: 3px solid #8d84f7; outline-offset: 2px; }
  [role=alert] { margin-bottom: 1rem; color: light-dark(#a8192e, #ffa3ae); }
</style>`);

/** An amount in a currency's minor unit, as people write it. */
function money(amount: number, currency: string) {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits!);
}

/** Who pays, until the page's form says otherwise: the customer, if Stripe knows one. */
export const payerOf = ({ customer_details }: Row) => ({
  name: customer_details.name ?? "Pat Example",
  line1: "12 Testing Lane",
  postal_code: "D01 F5P2",
  city: "Dublin",
  country: "IE",
});

const addressForm = (payer: ReturnType<typeof payerOf>) => html`
  <label>Name <input name="name" value="${payer.name}" required></label>
  <label>Street <input name="line1" value="${payer.line1}" required></label>
  <div>
    <label>Postal code <input name="postal_code" value="${payer.postal_code}" required></label>
    <label>City <input name="city" value="${payer.city}" required></label>
  </div>
  <label>Country <input name="country" value="${payer.country}" pattern="[A-Z]{2}" required></label>`;

/** The card fields only look the part: they have no names, so nothing of them is sent. */
const form = (
  total: string,
  declined: boolean,
  payer: ReturnType<typeof payerOf> | false,
) => html`<form class="card" method="post">
  <h2>Pay by card</h2>
  ${declined && html`<p role="alert">The card was declined. Try again, or use another card.</p>`}
  <label>Card number <input value="4242 4242 4242 4242" readonly></label>
  <div>
    <label>Expires <input value="12 / 34" readonly></label>
    <label>CVC <input value="123" readonly></label>
  </div>
  ${payer && addressForm(payer)}
  <button name="action" value="pay">Pay ${total}</button>
  <button name="action" value="decline" formnovalidate>Decline the card</button>
</form>`;

/** How it stands with a session, in a word or two. */
function stateOf({ status, payment_status }: Row) {
  if (status === "open") return "Pay";
  if (status === "expired") return "Expired";
  return payment_status === "paid" ? "Paid" : "Being processed";
}

/** What there is to say when there is nothing to pay any more. */
function notice(session: Row, mailbox: string, siteAnswers: boolean) {
  const { status, success_url, cancel_url, id } = session;
  const expired = status === "expired";
  const invoice =
    stateOf(session) === "Paid" ? "The invoice is" : "Once it is paid, the invoice is";
  const link = expired ? cancel_url : success_url.replaceAll("{CHECKOUT_SESSION_ID}", id);
  return html`<div class="card">
  <h2>${stateOf(session)}</h2>
  ${expired && html`<p>This checkout has expired. Nothing was charged.</p>`}
  ${!expired && html`<p>${invoice} in <a href="${mailbox}">the mailbox</a>.</p>`}
  ${link && siteAnswers && html`<p><a href="${link}">Go on to the site</a></p>`}
  ${link && !siteAnswers && html`<p>Stripe would lead on to the site now, where nothing answers yet: <small>${link}</small></p>`}
</div>`;
}

const item = ({ description, quantity, amount_total, currency, price }: Row) => html`<li>
  <div dir="auto">${description} <small dir="auto">${price.product_data.description}</small>
    ${quantity > 1 && html`<small>Quantity ${quantity}</small>`}</div>
  <div>${money(amount_total, currency)}</div>
</li>`;

/** The page that a session's `url` opens: what is bought, and the two ways that paying can go. */
export function checkoutPage(
  session: Row,
  items: Row[],
  declined: boolean,
  around: { mailbox: string; siteAnswers: boolean },
) {
  const isOpen = session.status === "open";
  const total = money(session.amount_total, session.currency);
  const payer = session.billing_address_collection === "required" && payerOf(session);
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${stateOf(session)} ${total}</title>
${style}
<body>
<p>A stand-in for Stripe, on your own machine. No money moves.</p>
<main>
  <section>
    ${isOpen && session.cancel_url && html`<a href="${session.cancel_url}">← Back</a>`}
    <h1>${total}</h1>
    <ul>${items.map(item)}</ul>
  </section>
  ${isOpen ? form(total, declined, payer) : notice(session, around.mailbox, around.siteAnswers)}
</main>
</html>`;
}
