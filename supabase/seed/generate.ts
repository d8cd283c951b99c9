import { globSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { drawAvatar } from "./avatars.ts";
import { drawCover, encode } from "./covers/cover.ts";
import { type Home, type Person, readHomes, readPeople } from "./data.ts";
import { readInquiries } from "./inquiries.ts";
import { Random } from "./random.ts";
import { seedSql } from "./seed-sql.ts";
import { makeCalendar, makeFavorites } from "./stays.ts";

const SUPABASE = join(import.meta.dirname, "..");
const SEED = join(SUPABASE, "seed.sql");

/** A picture by its path in `supabase/buckets/`. */
type Picture = { path: string; svg: string };

/**
 * Writes `supabase/seed.sql` and the pictures in `supabase/buckets/`. With `check` it writes nothing
 * and throws when they are not what would be written; a picture only has to be there, since another
 * release of the encoder may write other bytes.
 */
export async function seed({ check }: { check: boolean }): Promise<void> {
  const { sql, pictures } = makeSeed();
  if (check) {
    const stale = (await readFile(SEED, "utf8").catch(() => "")) !== sql;
    const paths = globSync("buckets/**/*.webp", { cwd: SUPABASE }).sort();
    const expected = pictures.map(({ path }) => path).sort();
    if (stale || paths.join() !== expected.join()) {
      throw new Error("supabase/seed.sql or its pictures are out of date: run `npm run seed`.");
    }
    return;
  }
  await rm(join(SUPABASE, "buckets"), { recursive: true, force: true });
  for (const { path, svg } of pictures) {
    await mkdir(dirname(join(SUPABASE, path)), { recursive: true });
    await writeFile(join(SUPABASE, path), await encode(svg));
  }
  await writeFile(SEED, sql);
  console.log(`Written: supabase/seed.sql and ${pictures.length} pictures in supabase/buckets/.`);
}

/** The same demo data, every time. */
function makeSeed(): { sql: string; pictures: Picture[] } {
  const people = readPeople();
  const homes = readHomes(people);
  const covers = homes.map(cover);
  const sql = seedSql({
    people,
    homes,
    altTexts: covers.map(({ altText }) => altText),
    ...makeCalendar(homes, people, new Random("calendar")),
    favorites: makeFavorites(homes, people, new Random("favorites")),
    inquiries: readInquiries(people),
  });
  return { sql, pictures: [...covers, ...people.flatMap(avatar)] };
}

function cover({ id, host, title, cover }: Home): Picture & { altText: string } {
  const path = `buckets/property-images/${host.id}/${id}/cover.webp`;
  return { path, ...drawCover(cover, new Random(title)) };
}

function avatar({ id, login, look }: Person): Picture[] {
  if (!look) return [];
  const path = `buckets/avatars/${id}/avatar.webp`;
  return [{ path, svg: drawAvatar(look, new Random(login)) }];
}
