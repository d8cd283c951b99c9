import { z } from "zod";
import { formatDay, formatMoney } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { currency, day, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  property_title: text,
  check_in: day,
  check_out: day,
  amount: money,
  currency,
});

export default template({
  schema,
  subject: () => "Your stay could not be booked: you get your money back",
  preview: (stay) => `${formatMoney(stay.amount, stay.currency)} goes back to you in full.`,
  reason: "You get this mail because you paid for a stay.",
  content: (stay, link) => (
    <>
      <Title>We are sorry: these dates are gone</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        We kept the dates for you while you paid, but your payment came after that time, and
        somebody else had booked them. All of your money is on its way back, the way you paid; banks
        take up to ten days. There is nothing that you have to do.
      </Paragraph>
      <Facts
        facts={[
          ["Home", stay.property_title],
          ["Check-in", formatDay(stay.check_in)],
          ["Check-out", formatDay(stay.check_out)],
          ["Refund", formatMoney(stay.amount, stay.currency)],
        ]}
      />
      <Action href={link("/")}>Find another stay</Action>
    </>
  ),
});
