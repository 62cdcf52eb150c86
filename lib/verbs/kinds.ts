/**
 * How what a verb takes and gives travels.
 *
 * - `unary`: one input, one output.
 * - `serverStream`: one input; the server sends items.
 * - `clientStream`: one input and items that the client sends; one output.
 * - `duplex`: one input; both send items.
 */
export const verbKinds = ['unary', 'serverStream', 'clientStream', 'duplex'] as const;

/** One of {@link verbKinds}. */
export type VerbKind = (typeof verbKinds)[number];

/** What a peer's table says: `other` is a kind that this version does not know. */
export type PublishedKind = VerbKind | 'other';

/** True for one of {@link verbKinds}. */
export function isVerbKind(value: unknown): value is VerbKind {
  return verbKinds.includes(value as VerbKind);
}

/** True when the server sends items. */
export function givesItems(kind: PublishedKind): boolean {
  return kind === 'serverStream' || kind === 'duplex';
}

/** True when the client sends items. */
export function takesItems(kind: PublishedKind): boolean {
  return kind === 'clientStream' || kind === 'duplex';
}
