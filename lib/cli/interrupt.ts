/** What a first Ctrl-C ends in an orderly way; a second one ends the process. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Does what a Ctrl-C does; where the terminal is in raw mode, that comes as a key. */
  press(): void;
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
  const onSignal = (signal: string): void => {
    done();
    controller.abort(new Error(`The command got ${signal}`));
  };
  let presses = 0;
  const press = (): void => {
    if (++presses > 1) process.exit(130);
    onSignal('a key');
  };
  for (const signal of signals) process.on(signal, onSignal);
  return { signal: controller.signal, press, done };
}
