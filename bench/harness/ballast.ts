/**
 * Gives a process a heap such as an application has. In one of about 8 MB, which is a process that
 * does nothing but the benchmark, V8 collects all of it after every 15 MB of long messages, and below
 * 8 MB never: contenders would be compared by the side of that line on which their code ends up.
 */
export function takeBallast(): void {
  kept = Array.from({ length: 200_000 }, (_, number) => ({ number, name: `ballast ${number}` }));
  // There only with `--expose-gc`.
  globalThis.gc?.();
}

/** Never read. */
export let kept: readonly unknown[] = [];
