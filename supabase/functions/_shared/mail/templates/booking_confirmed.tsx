import { z } from "zod";
import { formatCount, formatDay, formatMoney, formatStay } from "../../format.ts";
import { Action, Facts, Hint, Paragraph, Title } from "../layout.tsx";
import { count, currency, day, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  reservation_id: id,
  property_title: text,
  city: text,
  country_name: text,
  host_name: text,
  check_in: day,
  check_out: day,
  nights: count,
  guests: count,
  subtotal: money,
  service_fee: money,
  total: money,
  currency,
  invoice_number: text,
});

export default template({
  schema,
  subject: (stay) => `Your stay in ${stay.city} is confirmed`,
  preview: (stay) => `${formatStay(stay.check_in, stay.check_out)}, ${stay.property_title}`,
  reason: "You get this mail because you booked a stay.",
  content: (stay, link) => (
    <>
      <Title>Your stay is confirmed</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        {stay.property_title} in {stay.city}, {stay.country_name}, is yours. {stay.host_name} is
        looking forward to your visit.
      </Paragraph>
      <Facts
        facts={[
          ["Check-in", formatDay(stay.check_in)],
          ["Check-out", formatDay(stay.check_out)],
          ["For", `${formatCount(stay.nights, "night")}, ${formatCount(stay.guests, "guest")}`],
          ["Stay", formatMoney(stay.subtotal, stay.currency)],
          ["Service fee", formatMoney(stay.service_fee, stay.currency)],
          ["Total paid", formatMoney(stay.total, stay.currency)],
        ]}
      />
      <Action href={link(`/trips/${stay.reservation_id}`)}>See your trip</Action>
      <Hint>Invoice {stay.invoice_number} is attached as a PDF.</Hint>
    </>
  ),
});
