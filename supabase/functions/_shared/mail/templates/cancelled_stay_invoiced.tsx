import { z } from "zod";
import { formatMoney } from "../../format.ts";
import { Action, Facts, Hint, Paragraph, Title } from "../layout.tsx";
import { currency, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  reservation_id: id,
  property_title: text,
  total: money,
  currency,
  invoice_number: text,
});

/** For an invoice that was issued only when its stay was off already. */
export default template({
  schema,
  subject: (stay) => `Invoice ${stay.invoice_number}`,
  preview: (stay) => `For ${stay.property_title}, which was cancelled`,
  reason: "You get this mail because you paid for a stay.",
  content: (stay, link) => (
    <>
      <Title>Your invoice</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        Here is the invoice of a stay that was cancelled. For what you get back, a credit note comes
        in a mail of its own.
      </Paragraph>
      <Facts
        facts={[
          ["Home", stay.property_title],
          ["Invoice", stay.invoice_number],
          ["Paid", formatMoney(stay.total, stay.currency)],
        ]}
      />
      <Action href={link(`/trips/${stay.reservation_id}`)}>See your trip</Action>
      <Hint>Invoice {stay.invoice_number} is attached as a PDF.</Hint>
    </>
  ),
});
