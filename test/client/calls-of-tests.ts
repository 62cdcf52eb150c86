import { Call } from '../../lib/client/call.ts';
import { VerbUse } from '../../lib/client/verb-use.ts';

const verb = new VerbUse('test');

/** A call of this number that nobody waits for. */
export function callOf(number: number, bytes = 0): Call {
  const buffer = Buffer.alloc(bytes);
  const encoded = { buffer, start: 0, end: bytes, body: undefined, tailBytes: 0 };
  return new Call(number, verb, encoded, ignore, ignore);
}

function ignore(): void {}
