type Write = typeof process.stdout.write;

/** A stream that carries bytes of a protocol: nothing else may be written to it. */
export interface Diverted {
  /** Writes past the diversion. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void;
  /** Everything is as it was. */
  restore(): void;
}

/**
 * Sends what this process prints to its stderr instead of its stdout: `console.log` in a handler
 * must not get between the frames. What child processes print to a stdout that they share with us,
 * or what is written to the descriptor itself, cannot be caught.
 */
export function divertStdout(): Diverted {
  const { stdout, stderr } = process;
  const write = stdout.write;
  const diverted: Write = (...args: unknown[]) =>
    (stderr.write as (...all: unknown[]) => boolean)(...args);
  const ignore = (): void => {};
  stdout.write = diverted;
  // Who printed to stdout did not reckon with a stderr that nobody reads any more.
  stderr.on('error', ignore);
  return {
    write: (bytes, done) => {
      (write as (...all: unknown[]) => boolean).call(stdout, bytes, done);
    },
    restore: () => {
      stderr.removeListener('error', ignore);
      // Somebody else may have put a function of their own before ours: it goes on with stderr.
      if (stdout.write === diverted) stdout.write = write;
    },
  };
}
