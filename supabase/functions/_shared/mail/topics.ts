/**
 * What one can unsubscribe from, in words; `private.mail_topic` has the same names. Mails about
 * bookings, money, inquiries and the account are of no topic: whoever gets them needs them.
 */
export const topics = {
  listings: "news of your listings",
  reports: "the daily report",
};

export type Topic = keyof typeof topics;
