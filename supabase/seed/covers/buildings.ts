import * as country from "./buildings/country.ts";
import type { Building } from "./buildings/parts.ts";
import * as rare from "./buildings/rare.ts";
import * as town from "./buildings/town.ts";

const BUILDINGS = { ...town, ...country, ...rare } satisfies Record<string, Building>;

export type BuildingName = keyof typeof BUILDINGS;
export const isBuilding = (name: string): name is BuildingName => name in BUILDINGS;

export function building(name: BuildingName): Building {
  return BUILDINGS[name];
}
