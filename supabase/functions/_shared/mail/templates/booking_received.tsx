import { z } from "zod";
import { formatCount, formatDay, formatMoney, formatStay } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { count, currency, day, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  reservation_id: id,
  property_id: id,
  property_title: text,
  guest_name: text,
  check_in: day,
  check_out: day,
  nights: count,
  guests: count,
  subtotal: money,
  currency,
});

export default template({
  schema,
  subject: (stay) =>
    `New booking, ${formatStay(stay.check_in, stay.check_out)}: ${stay.property_title}`,
  preview: (stay) => `${stay.guest_name}, ${formatCount(stay.guests, "guest")}`,
  reason: "You get this mail because you host this home.",
  content: (stay, link) => (
    <>
      <Title>You have a new booking</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        {stay.guest_name} booked {stay.property_title} and has paid.
      </Paragraph>
      <Facts
        facts={[
          ["Guest", stay.guest_name],
          ["Check-in", formatDay(stay.check_in)],
          ["Check-out", formatDay(stay.check_out)],
          ["For", `${formatCount(stay.nights, "night")}, ${formatCount(stay.guests, "guest")}`],
          ["Price of the stay", formatMoney(stay.subtotal, stay.currency)],
        ]}
      />
      <Action href={link(`/hosting/reservations/${stay.reservation_id}`)}>See the booking</Action>
    </>
  ),
});
