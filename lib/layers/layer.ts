import { AsyncLocalStorage } from 'node:async_hooks';

/** A call that is being served, for whose sake other calls are made. */
export interface Layer {
  /** What is left of its caller's deadline, in ms: calls made for it get no more. */
  readonly remainingMs: number;
  /** Aborts when nobody waits for it any more: then nobody waits for those either. */
  readonly signal: AbortSignal;
  /** Somebody above tries again already: those are not tried again here. */
  readonly isReplay: boolean;
  /** One of those failed after it was tried again: nobody above should try again. */
  onRetried(): void;
}

let storage: AsyncLocalStorage<Ambient> | undefined;

/** A layer, until its handler has ended. */
interface Ambient {
  readonly layer: Layer;
  isOver: boolean;
}

/** The call in whose handler this runs, if its server tells. */
export function ambientLayer(): Layer | undefined {
  const ambient = storage?.getStore();
  return ambient === undefined || ambient.isOver ? undefined : ambient.layer;
}

/**
 * Runs a handler so that calls which are made in it, with whatever client, are made for the sake of
 * `layer`. What the handler leaves behind when it has ended is on its own.
 *
 * @param run may throw, or give a promise
 */
export function runWithin(layer: Layer, run: () => unknown): unknown {
  storage ??= new AsyncLocalStorage();
  const ambient: Ambient = { layer, isOver: false };
  return storage.run(ambient, () => ended(ambient, run));
}

async function ended(ambient: Ambient, run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } finally {
    ambient.isOver = true;
  }
}
