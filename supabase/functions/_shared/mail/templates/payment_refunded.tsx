import { z } from "zod";
import { formatMoney } from "../../format.ts";
import { Action, Facts, Hint, Paragraph, Title } from "../layout.tsx";
import { currency, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  reservation_id: id,
  property_title: text,
  amount: money,
  currency,
  credit_note_number: text,
});

export default template({
  schema,
  subject: (refund) => `Refund of ${formatMoney(refund.amount, refund.currency)}`,
  preview: (refund) => `For ${refund.property_title}`,
  reason: "You get this mail because you paid for a stay.",
  content: (refund, link) => (
    <>
      <Title>You get {formatMoney(refund.amount, refund.currency)} back</Title>
      <Paragraph>Hello {refund.recipient_name},</Paragraph>
      <Paragraph>
        The money goes back the way you paid; banks take up to ten days. There is nothing that you
        have to do.
      </Paragraph>
      <Facts
        facts={[
          ["Home", refund.property_title],
          ["Refund", formatMoney(refund.amount, refund.currency)],
          ["Credit note", refund.credit_note_number],
        ]}
      />
      <Action href={link(`/trips/${refund.reservation_id}`)}>See your trip</Action>
      <Hint>Credit note {refund.credit_note_number} is attached as a PDF.</Hint>
    </>
  ),
});
