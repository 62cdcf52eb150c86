/**
 * What only a server needs that hands over. It is loaded when a server starts, for when it hands
 * over its files may be gone, or those of the next release.
 */
export async function handOverParts(): Promise<
  typeof import('./pass-on.ts') & typeof import('./spawn-successor.ts')
> {
  const [passing, spawning] = await Promise.all([
    import('./pass-on.ts'),
    import('./spawn-successor.ts'),
  ]);
  return { ...passing, ...spawning };
}
