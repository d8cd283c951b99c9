import { z } from "zod";
import { formatDay, formatMoney, formatStay } from "../../format.ts";
import { Action, Facts, Hint, Paragraph, Title } from "../layout.tsx";
import { currency, day, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  audience: z.enum(["guest", "host"]),
  reservation_id: id,
  property_title: text,
  check_in: day,
  check_out: day,
  cancelled_by: z.enum(["guest", "host", "staff"]),
  refund_amount: money,
  currency,
  /** The guest's bank has the money, or decides about it. */
  is_disputed: z.boolean(),
});

type Props = z.infer<typeof schema>;

export default template({
  schema,
  subject: (stay) =>
    `Cancelled: ${stay.property_title}, ${formatStay(stay.check_in, stay.check_out)}`,
  preview: (stay) => `${whoCancelled(stay)} ${whatComesBack(stay)}`,
  reason: "You get this mail because a booking of yours changed.",
  content: (stay, link) => (
    <>
      <Title>A stay was cancelled</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        {whoCancelled(stay)} {whatComesBack(stay)}
      </Paragraph>
      <Facts
        facts={[
          ["Home", stay.property_title],
          ["Check-in", formatDay(stay.check_in)],
          ["Check-out", formatDay(stay.check_out)],
          ["Refund", stay.is_disputed ? null : formatMoney(stay.refund_amount, stay.currency)],
        ]}
      />
      {stay.audience === "guest" ? (
        <Action href={link(`/trips/${stay.reservation_id}`)}>See your trip</Action>
      ) : (
        <Action href={link(`/hosting/reservations/${stay.reservation_id}`)}>See the booking</Action>
      )}
      {stay.audience === "guest" && comesBack(stay) && (
        <Hint>A credit note follows when the money is on its way.</Hint>
      )}
    </>
  ),
});

function whoCancelled({ audience, cancelled_by }: Props): string {
  if (audience === cancelled_by) return "You cancelled this stay.";
  if (cancelled_by === "staff") return "We had to cancel this stay.";
  return cancelled_by === "guest"
    ? "Your guest cancelled this stay."
    : "Your host cancelled this stay.";
}

function comesBack({ refund_amount, is_disputed }: Props): boolean {
  return refund_amount > 0 && !is_disputed;
}

function whatComesBack(stay: Props): string {
  const { audience, refund_amount, currency, is_disputed } = stay;
  if (audience === "host") return "Its dates are free again.";
  if (is_disputed) return "You disputed the payment, so your bank decides about the money.";
  if (refund_amount === 0) return "So close to check-in nothing is refunded.";
  const amount = formatMoney(refund_amount, currency);
  return `${amount} goes back the way you paid; banks take up to ten days.`;
}
