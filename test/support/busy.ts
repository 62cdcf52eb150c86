/** Keeps the event loop busy, as a long computation does. */
export function blockLoop(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    // Nothing is done on purpose.
  }
}

/** Blocks the event loop as long as something is so, and no longer than `maxMs`. */
export function blockWhile(isSo: () => boolean, maxMs = 5_000): void {
  const until = performance.now() + maxMs;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  // Other processes have their way meanwhile.
  while (isSo() && performance.now() < until) Atomics.wait(nobody, 0, 0, 1);
}
