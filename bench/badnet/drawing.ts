import type { Sample } from './sample.ts';

/** The module in `pictures`, which has dependencies of its own. */
export interface Drawing {
  /** SVG by the names of files. */
  draw(
    samples: readonly Sample[],
    order: readonly string[],
  ): Promise<Readonly<Record<string, string>>>;
}
