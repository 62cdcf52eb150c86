import { isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { hostPort } from '../../lib/media/host-port.ts';
import { parsePipeUrl, pipeUrl } from '../../lib/media/pipe/url.ts';
import { hostLine, hostName, lookUpHost } from '../../lib/media/ssh/known-hosts.ts';
import { resolveSshOptions, type SshOptions } from '../../lib/media/ssh/options.ts';
import { parseSshUrl, sshAddress } from '../../lib/media/ssh/url.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { packValue, unpackValue } from '../../lib/protocols/holdfast/values.ts';

/** The same each time, and short. */
const parameters = { seed: 4711, numRuns: 300 } as const;

function forAll<Value>(arbitrary: fc.Arbitrary<Value>, holds: (value: Value) => void): void {
  fc.assert(fc.property(arbitrary, holds), parameters);
}

const port = fc.integer({ min: 1, max: 65_535 });
const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
/** What no system takes in a name or an argument is left out. */
const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'));

/** A key as hosts have it: its type, and bytes. */
const key = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => {
  const type = Buffer.from('ssh-ed25519');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, type, bytes]);
});

describe('Properties of what is read and written', () => {
  it('a host and a port are found again in the URL that they make', () => {
    forAll(fc.tuple(host, port), ([name, number]) => {
      const url = new URL(`tcp://${hostPort(name, number)}`);
      expect(Number(url.port)).to.equal(number);
      const found = url.hostname.replace(/^\[|\]$/g, '');
      if (isIPv6(name)) expect(new URL(`tcp://[${name}]`).hostname).to.equal(`[${found}]`);
      else expect(found).to.equal(name);
    });
  });

  it('a TCP address is a URL of the same medium', () => {
    forAll(fc.tuple(host, port), ([name, number]) => {
      const { address } = mediumOf(`tcp://${hostPort(name, number)}`);
      expect(mediumOf(address).address).to.equal(address);
    });
  });

  it("a program and its arguments are found again in a pipe's URL, whatever is in them", () => {
    forAll(fc.tuple(text, fc.array(fc.oneof(text, fc.constant('')))), ([command, args]) => {
      expect(parsePipeUrl(pipeUrl({ command, args }))).to.deep.equal({ command, args });
    });
  });

  it('a place behind SSH is found again in its URL, whatever is in it', () => {
    const target = fc.oneof(
      fc.record({ host: fc.oneof(host, fc.constant('a%b')), port }),
      fc.record({ path: text.map((path) => `/${path}`) }),
    );
    const user = fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !/[\0]/.test(name));
    const place = fc.record({ host: fc.oneof(host, fc.constant('a%b')), port, user });
    const options: fc.Arbitrary<SshOptions> = fc.oneof(
      fc.tuple(place, text).map(([where, command]) => ({ ...where, command })),
      fc.tuple(place, target).map(([where, forwardTo]) => ({ ...where, forwardTo })),
    );
    forAll(options, (given) => {
      const { address } = sshAddress(resolveSshOptions(given));
      const { port: number, ...rest } = given;
      // Node writes IPv6 in its shortest form, as the first of them is.
      const again = sshAddress(resolveSshOptions(parseSshUrl(address))).address;
      expect(sshAddress(resolveSshOptions(parseSshUrl(again))).address).to.equal(again);
      if (given.host.includes(':')) return;
      const found = number === 22 ? rest : { ...rest, port: number };
      expect(parseSshUrl(address)).to.deep.equal(found);
    });
  });

  it('a line that makes a key known is found again, among any other lines', () => {
    forAll(
      fc.tuple(host, port, key, fc.array(fc.string({ unit: 'binary' })), fc.array(text)),
      ([name, number, bytes, before, behind]) => {
        const named = hostName(name, number);
        const lines = (some: readonly string[]): string[] =>
          some.map((line) => `# ${line.replaceAll(/[\r\n]/g, ' ')}`);
        const file = [...lines(before), hostLine(named, bytes), ...lines(behind)].join('\n');
        const { keys } = lookUpHost([{ file: 'f', text: file }], named);
        expect(keys.map((found) => [found.line, found.key.equals(bytes)])).to.deep.equal([
          [before.length + 1, true],
        ]);
      },
    );
  });

  it('no text at all makes the known hosts throw', () => {
    forAll(
      fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
      ([file, name]) => {
        lookUpHost([{ file: 'f', text: file }], name);
      },
    );
  });

  it('a value arrives as it was sent', () => {
    const value = fc.anything({
      // It arrives as another one, so that it does no harm.
      key: fc.string().filter((name) => name !== '__proto__'),
      withBigInt: false,
      withDate: true,
      withNullPrototype: false,
      withObjectString: false,
      withMap: false,
      withSet: false,
      maxDepth: 4,
    });
    forAll(value, (given) => {
      const bytes = packValue(given);
      const back = unpackValue(1, bytes, 0, bytes.length, false);
      expect(packValue(back).equals(bytes)).to.equal(true);
    });
  });
});
