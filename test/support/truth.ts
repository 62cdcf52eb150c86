import { expect } from 'chai';
import { isHoldfastError, type Safety } from '../../lib/index.ts';
import type { Executions } from './verbs.ts';

/** How a call ended, as its caller was told. */
export interface Told {
  readonly name: string;
  readonly safety: Safety;
  readonly value?: unknown;
  readonly error?: unknown;
  /** Somebody else makes the same call, under the same key: what is told is of this one's part. */
  readonly isShared?: boolean;
}

/** Waits for a call and keeps what its caller was told. */
export async function toldOf(safety: Safety, name: string, call: Promise<unknown>): Promise<Told> {
  try {
    return { name, safety, value: await call };
  } catch (error) {
    return { name, safety, error };
  }
}

/** Holds what a caller was told against the server's own record; throws at the first lie. */
export function expectTruth(told: Told, executions: Executions): void {
  const { name, safety, value, error, isShared = false } = told;
  const count = executions.of(name);
  if (error === undefined) {
    expect(value, name).to.equal(`done ${name}`);
    expect(count, `${name} resolved, so it must have run`).to.be.at.least(1);
  } else {
    expect(isHoldfastError(error), `${name} failed with ${error}`).to.equal(true);
    const { outcome } = error as { outcome: string };
    if (outcome === 'not-executed' && !isShared)
      expect(count, `${name} "not-executed"`).to.equal(0);
    if (outcome === 'executed') expect(count, `${name} "executed"`).to.be.at.least(1);
  }
  if (safety === 'mutate' || safety === 'once') {
    expect(count, `${name} must not run twice`).to.be.at.most(1);
  }
}
