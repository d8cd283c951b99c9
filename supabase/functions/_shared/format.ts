/** Dates, money and numbers in words that people read. Days are days anywhere; instants are UTC. */

const LOCALE = "en-GB";
const formats = new Map<string, Intl.DateTimeFormat>();
const currencies = new Map<string, Intl.NumberFormat>();
const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });

function part(date: Date, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify(options);
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: "UTC" });
    formats.set(key, format);
  }
  return format.format(date);
}

const asDate = (date: Date | string) => (typeof date === "string" ? new Date(date) : date);

/** `4 December 2026` */
export function formatDate(date: Date | string): string {
  return part(asDate(date), { day: "numeric", month: "long", year: "numeric" });
}

/** `Friday, 4 December 2026` */
export function formatDay(date: Date | string): string {
  return `${part(asDate(date), { weekday: "long" })}, ${formatDate(date)}`;
}

/** `4 December 2026 at 14:05 UTC` */
export function formatInstant(date: Date | string): string {
  const time = part(asDate(date), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return `${formatDate(date)} at ${time} UTC`;
}

/** `4–7 December 2026`, or both dates in full when they share neither month nor year. */
export function formatStay(checkIn: Date | string, checkOut: Date | string): string {
  const [start, end] = [asDate(checkIn), asDate(checkOut)];
  const month = (date: Date) => part(date, { month: "long", year: "numeric" });
  if (month(start) === month(end)) return `${part(start, { day: "numeric" })}–${formatDate(end)}`;
  const sameYear = start.getUTCFullYear() === end.getUTCFullYear();
  const from = sameYear ? part(start, { day: "numeric", month: "long" }) : formatDate(start);
  return `${from} – ${formatDate(end)}`;
}

function money(currency: string): Intl.NumberFormat {
  let format = currencies.get(currency);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { style: "currency", currency });
    currencies.set(currency, format);
  }
  return format;
}

/** `$1,234.50` from 123450 and `usd`; as many decimals as the currency has. */
export function formatMoney(minorUnits: number, currency: string): string {
  const format = money(currency);
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(minorUnits / 10 ** decimals);
}

/** `1,234` or `0.125` */
export function formatNumber(value: number): string {
  return numbers.format(value);
}

/** `3 nights`, `1 night` */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatNumber(count)} ${count === 1 ? singular : plural}`;
}

/** `Urgent` */
export function capitalize(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
