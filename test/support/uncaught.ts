import { expect } from 'chai';

/** The error that `run` returns must surface as an uncaught one, and no other. */
export async function expectUncaught(run: () => Error | Promise<Error>): Promise<void> {
  const usual = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const seen: Error[] = [];
  process.on('uncaughtException', (error) => seen.push(error));
  try {
    const expected = await run();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).to.deep.equal([expected]);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of usual) process.on('uncaughtException', listener);
  }
}
