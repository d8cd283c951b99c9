import sharp from "sharp";
import type { Random } from "../random.ts";
import { type BuildingName, building, isBuilding } from "./buildings.ts";
import { ellipse, faint, moved } from "./draw.ts";
import { drawLandscape, isLandscape, type LandscapeName } from "./landscapes.ts";
import { type HourName, isHour, Scene } from "./scene.ts";

export type Subject = { landscape: LandscapeName; building: BuildingName; hour: HourName };

/** Reads `"<landscape> <building> <hour>"`, or nothing when one of the words is unknown. */
export function parseSubject(words: string): Subject | undefined {
  const [landscape = "", building = "", hour = ""] = words.split(" ");
  return isLandscape(landscape) && isBuilding(building) && isHour(hour)
    ? { landscape, building, hour }
    : undefined;
}

/** The picture of a home as SVG, and the same in words. */
export function drawCover(subject: Subject, random: Random): { svg: string; altText: string } {
  const scene = new Scene(random, subject.hour, subject.landscape === "snow");
  const { draw, words, afloat = false, size: usual = 1.05 } = building(subject.building);
  const sky = scene.sky();
  const place = drawLandscape(scene, subject.landscape, afloat);
  const home = draw(scene);
  const [x, size] = [320 + random.between(-42, 42), usual * random.between(0.96, 1.06)];
  const shadow = afloat ? "" : faint(0.18, ellipse(x, place.ground + 3, 150 * size, 9, "#1c2240"));
  return {
    svg: scene.svg(
      [
        sky,
        place.back,
        scene.haze(),
        shadow,
        moved(x, place.ground, home, Math.round(size * 100) / 100),
        place.front,
      ].join(""),
    ),
    altText: `Illustration: ${words} ${place.words} ${scene.hour.words}.`,
  };
}

/** A drawing as a small WebP file. */
export async function encode(svg: string): Promise<Buffer> {
  return await sharp(Buffer.from(svg))
    .webp({ quality: 36, effort: 6, preset: "picture" })
    .toBuffer();
}
