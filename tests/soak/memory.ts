/** Megabytes of each process at a moment. */
export type Sample = { seconds: number; megabytes: Map<string, number> };

export type Growth = {
  /** Its name and process id. */
  name: string;
  /** Megabytes when a third of its life was over, at the end of it, and at most. */
  warm: number;
  last: number;
  most: number;
  /** Megabytes an hour over the rest of its life; null when that was too short to tell. */
  perHour: number | null;
  isTooMuch: boolean;
};

/** What a hosted function may take. */
const functionLimit = 256;
/** A process that has lived for so many seconds has filled its caches: it is not to grow any more. */
const longLife = 240;

/** How each process's memory went; in a long run, whether one of them goes on growing. */
export function growthOf(samples: Sample[], isLong: boolean): Growth[] {
  const names = new Set(samples.flatMap(({ megabytes }) => [...megabytes.keys()]));
  return [...names].map((name) => {
    const life = samples.flatMap(({ seconds, megabytes }) => {
      const size = megabytes.get(name);
      return size ? [{ seconds, size }] : [];
    });
    const rest = life.slice(Math.floor(life.length / 3));
    const [warm, last] = [medianOf(rest.slice(0, 20)), medianOf(rest.slice(-20))];
    const most = Math.max(...life.map(({ size }) => size));
    const lived = life.length ? life.at(-1)!.seconds - life[0]!.seconds : 0;
    const perHour = isLong && lived >= longLife ? slopeOf(rest) * 3600 : null;
    const grew = perHour === null ? 0 : last - warm;
    const isTooBig = !name.startsWith("gateway") && most > functionLimit;
    const isTooMuch = isTooBig || grew > Math.max(20, warm * 0.15);
    return { name, warm, last, most, perHour, isTooMuch };
  });
}

function medianOf(points: { size: number }[]): number {
  const sizes = points.map(({ size }) => size).toSorted((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)] ?? 0;
}

/** Megabytes a second, by least squares. */
function slopeOf(points: { seconds: number; size: number }[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(points.map(({ seconds }) => seconds));
  const average = mean(points.map(({ size }) => size));
  const rise = points.map(({ seconds, size }) => (seconds - middle) * (size - average));
  const run = points.map(({ seconds }) => (seconds - middle) ** 2);
  return mean(rise) / (mean(run) || 1);
}
