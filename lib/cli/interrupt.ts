/** What a first Ctrl-C ends in an orderly way; a second one ends the process. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** From now on a Ctrl-C has its usual effect. */
  done(): void;
}

/** Aborts at the first SIGINT or SIGTERM. */
export function interrupt(): Interrupt {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const done = (): void => {
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    done();
    controller.abort(new Error(`The command got ${signal}`));
  };
  for (const signal of signals) process.on(signal, onSignal);
  return { signal: controller.signal, done };
}
