import { userInfo } from 'node:os';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { mediumFromUrl, type SshOptions, ssh } from '../../../lib/media/ssh.ts';
import { listenerOf, mediumOf } from '../../../lib/media/url.ts';
import { expectFailure } from '../../support/failing.ts';

const good = { host: 'h', command: 'c' };

const wrongOptions: readonly (readonly [options: unknown, text: RegExp])[] = [
  [undefined, /Option "host" must be a string, got undefined/],
  [{}, /Option "host" must be/],
  [{ host: 'h' }, /One of the ssh options "command" and "forwardTo" must be given/],
  [{ ...good, forwardTo: { path: '/p' } }, /and not both/],
  [{ ...good, host: '' }, /Option "host" must be a host name or an address, got ""/],
  [{ ...good, host: '-oProxyCommand=x' }, /Option "host" must be a host name/],
  [{ ...good, host: 'a b' }, /Option "host" must be a host name/],
  [{ ...good, host: 'a,b' }, /Option "host" must be a host name/],
  [{ ...good, host: 'a\nb' }, /Option "host" must be a host name/],
  [{ ...good, host: '*' }, /Option "host" must be a host name/],
  [{ ...good, port: 0 }, /Option "port" must be a whole number from 1 to 65535/],
  [{ ...good, port: '22' }, /Option "port" must be/],
  [{ ...good, user: '' }, /Option "user" must not be empty/],
  [{ ...good, command: 'a\0b' }, /Option "command" must not be empty or have a NUL/],
  [{ ...good, comand: 'x' }, /Unknown ssh option "comand"; did you mean "command"\?/],
  [{ host: 'h', forwardTo: {} }, /must have either "path" or "host" and "port"/],
  [{ host: 'h', forwardTo: { path: '/p', port: 1 } }, /must have either/],
  [{ host: 'h', forwardTo: { path: '' } }, /"forwardTo.path" must not be empty/],
  [{ host: 'h', forwardTo: { host: 'x', port: 0 } }, /"forwardTo.port" must be a whole number/],
  [{ host: 'h', forwardTo: { host: 'a\x0eb', port: 1 } }, /"forwardTo.host" must be a host name/],
  [{ host: 'h', forwardTo: { host: '', port: 1 } }, /"forwardTo.host" must be a host name/],
  [{ host: 'h', forwardTo: 'x' }, /Option "forwardTo" must be a object|an object/],
  [{ ...good, agent: true }, /Option "agent" must be a string, got true/],
  [{ ...good, privateKey: 7 }, /Option "privateKey" must be a string or bytes$/],
  [{ ...good, privateKey: 'x', privateKeyFile: 'y' }, /only one may be given/],
  [{ ...good, password: 1234 }, /^Option "password" must be a string$/],
  [{ ...good, passphrase: 1234 }, /^Option "passphrase" must be a string$/],
  [{ ...good, onPrompt: 'x' }, /Option "onPrompt" must be a function/],
  [{ ...good, knownHosts: [] }, /Option "knownHosts" must be a string/],
  [{ ...good, knownHostsFiles: [7] }, /Option "knownHostsFiles" must be a string, got 7/],
  [{ ...good, knownHosts: '', knownHostsFiles: 'x' }, /With the ssh option "knownHosts"/],
  [{ ...good, knownHosts: '', unknownHost: 'accept-new' }, /With the ssh option "knownHosts"/],
  [{ ...good, unknownHost: 'yes' }, /must be one of "refuse", "accept-new", got "yes"/],
  [{ ...good, readyTimeoutMs: 0 }, /"readyTimeoutMs" must be a number of milliseconds from 1/],
  [{ ...good, keepaliveMs: -1 }, /"keepaliveMs" must be a number of milliseconds from 0/],
  [{ ...good, keepaliveCount: 0 }, /"keepaliveCount" must be a whole number from 1/],
];

const me = encodeURIComponent(userInfo().username);

/** A URL, and how it is written in full. */
const goodUrls: readonly (readonly [url: string, address: string])[] = [
  ['ssh://h/?command=a', `ssh://${me}@h/?command=a`],
  ['ssh://h?command=a', `ssh://${me}@h/?command=a`],
  ['ssh://u@h:2222/?command=a%20-b+c%2Bd', 'ssh://u@h:2222/?command=a%20-b%20c%2Bd'],
  ['ssh://u%40x@h:22/?command=a', 'ssh://u%40x@h/?command=a'],
  ['ssh://u@[::1]:2222/?command=a', 'ssh://u@[::1]:2222/?command=a'],
  ['ssh://u@h/?command=a&privateKeyFile=k&unknownHost=accept-new', 'ssh://u@h/?command=a'],
  ['ssh+unix://u@h/run/a%20b/s.sock', 'ssh+unix://u@h/run/a%20b/s.sock'],
  ['ssh+unix://u@h:2222/s?knownHostsFiles=/f', 'ssh+unix://u@h:2222/s'],
  ['ssh+tcp://u@h/127.0.0.1:4155', 'ssh+tcp://u@h/127.0.0.1:4155'],
  ['ssh+tcp://u@h:2222/[::1]:4155', 'ssh+tcp://u@h:2222/[::1]:4155'],
  ['ssh+tcp://u@h/name:1', 'ssh+tcp://u@h/name:1'],
];

const badUrls: readonly (readonly [url: string, text: RegExp])[] = [
  ['ssh://', /the host is missing: ssh:\/\/user@host:22\/\?command=/],
  ['ssh:h', /the host is missing/],
  ['ssh:///?command=a', /must look like|the host is missing/],
  ['ssh://u@h', /the command is missing: ssh:\/\/user@host:22/],
  ['ssh://u@h/?comand=a', /unknown parameter "comand"; did you mean "command"\?/],
  ['ssh://u@h/?command=', /Option "command" must not be empty/],
  ['ssh://u@h/?command=a&command=b', /parameter "command" is there twice/],
  ['ssh://u@h/path?command=a', /an ssh URL has no path/],
  ['ssh://u:secret@h/?command=a', /a password does not belong into a URL/],
  ['ssh://u@h/?command=a#b', /write it as %23/],
  ['ssh://u@h:99999/?command=a', /must look like/],
  ['ssh://u@h:0/?command=a', /Option "port" must be/],
  ['ssh://u%@h/?command=a', /has a "%" without two hexadecimal digits/],
  ['ssh://u@-oProxyCommand/?command=a', /Option "host" must be a host name/],
  ['ssh+unix://u@h', /the path of the remote socket is missing/],
  ['ssh+unix://u@h/', /the path of the remote socket is missing/],
  ['ssh+unix://u@h/s?command=x', /unknown parameter "command"/],
  ['ssh+tcp://u@h/', /the remote host and port are missing: ssh\+tcp:/],
  ['ssh+tcp://u@h/name', /the remote host and port are missing/],
  ['ssh+tcp://u@h/name:0', /"forwardTo.port" must be a whole number/],
  ['ssh+tcp://u@h/name:70000', /"forwardTo.port" must be a whole number/],
];

describe('The options of ssh', () => {
  for (const [options, text] of wrongOptions) {
    it(`refuses ${inspect(options, { breakLength: Number.POSITIVE_INFINITY })}`, async () => {
      const error = await expectFailure(
        () => ssh(options as SshOptions),
        'ERR_HOLDFAST_OPTION',
        text,
      );
      expect(error.final).to.equal(true);
    });
  }

  it('does not show a secret that is of the wrong type', async () => {
    for (const name of ['password', 'passphrase', 'privateKey']) {
      const error = await expectFailure(
        () => ssh({ ...good, [name]: 987654 } as SshOptions),
        'ERR_HOLDFAST_OPTION',
      );
      expect(error.message).to.not.include('987654');
    }
  });

  for (const [url, address] of goodUrls) {
    it(`takes the URL ${url}`, () => {
      expect(mediumFromUrl(url).address).to.equal(address);
      // In full it says the same.
      expect(mediumFromUrl(address).address).to.equal(address);
    });
  }

  for (const [url, text] of badUrls) {
    it(`refuses the URL ${url} and says why`, async () => {
      const error = await failureOf(() => mediumFromUrl(url));
      expect(error.message).to.match(text).and.not.include('secret');
      expect(error.code).to.be.oneOf(['ERR_HOLDFAST_URL', 'ERR_HOLDFAST_OPTION']);
      expect(error.final).to.equal(true);
      const dialling = mediumOf(url).dial(new AbortController().signal);
      expect((await failureOf(() => dialling)).message).to.equal(error.message);
    });
  }

  async function failureOf(
    failing: () => unknown,
  ): Promise<{ message: string; code: string; final: boolean }> {
    try {
      await failing();
    } catch (error) {
      return error as { message: string; code: string; final: boolean };
    }
    throw new Error('Did not fail');
  }

  it('cannot be listened on', async () => {
    const listening = listenerOf('ssh://u@h/?command=a').listen(() => {});
    await expectFailure(listening, 'ERR_HOLDFAST_URL', 'cannot be listened on');
  });
});
