/** Keeps the event loop busy, as a long computation does. */
export function blockLoop(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    // Nothing is done on purpose.
  }
}
