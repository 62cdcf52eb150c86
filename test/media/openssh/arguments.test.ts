import { expect } from 'chai';
import { opensshArguments, parseUserSettings } from '../../../lib/media/openssh/arguments.ts';
import { type OpensshOptions, resolveOpensshOptions } from '../../../lib/media/openssh/options.ts';
import { mediumFromUrl, openssh } from '../../../lib/media/openssh.ts';
import { expectFailure } from '../../support/failing.ts';

const good = { host: 'h', command: 'c' };
const nothing = { hasConnectTimeout: false, hasKeepalive: false };
const everything = { hasConnectTimeout: true, hasKeepalive: true };

function argumentsOf(options: Partial<OpensshOptions>, user = nothing): string {
  return opensshArguments(resolveOpensshOptions({ ...good, ...options }), user).join(' ');
}

describe('The arguments of openssh', () => {
  const timeouts = '-o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=3';
  const cases: readonly (readonly [Partial<OpensshOptions>, typeof nothing, string])[] = [
    [{}, nothing, `-T -o BatchMode=yes ${timeouts} -- h c`],
    [{}, everything, '-T -o BatchMode=yes -- h c'],
    [{ batchMode: false }, everything, '-T -o BatchMode=no -- h c'],
    [{ user: 'u', port: 2222 }, everything, '-T -o BatchMode=yes -l u -p 2222 -- h c'],
    [{ configFile: '/c' }, everything, '-T -o BatchMode=yes -F /c -- h c'],
    [{ args: ['-J', 'gate'] }, everything, '-J gate -T -o BatchMode=yes -- h c'],
    [
      { connectTimeoutMs: 1_500, keepaliveMs: 400, keepaliveCount: 2 },
      everything,
      '-T -o BatchMode=yes -o ConnectTimeout=2 -o ServerAliveInterval=1 -o ServerAliveCountMax=2 -- h c',
    ],
    [{ keepaliveCount: 9 }, everything, '-T -o BatchMode=yes -o ServerAliveCountMax=9 -- h c'],
    [{ keepaliveMs: 0 }, everything, '-T -o BatchMode=yes -o ServerAliveInterval=0 -- h c'],
  ];

  for (const [options, user, expected] of cases) {
    const whose = user === nothing ? 'an empty configuration' : 'a configuration that sets all';
    it(`are right for ${JSON.stringify(options)} with ${whose}`, () => {
      expect(argumentsOf(options, user)).to.equal(expected);
    });
  }

  it('have the command as one argument, whatever is in it', () => {
    const command = '-oProxyCommand=x; rm "a b" $(c) `d`\n-v';
    const args = opensshArguments(resolveOpensshOptions({ ...good, command }), nothing);
    expect(args.slice(-3)).to.deep.equal(['--', 'h', command]);
  });

  it('depend on what ssh says of the configuration', () => {
    const text = (interval: string, timeout: string): string =>
      `host h\nserveraliveinterval ${interval}\nserveralivecountmax 3\nconnecttimeout ${timeout}\n`;
    expect(parseUserSettings(text('0', 'none'))).to.deep.equal(nothing);
    expect(parseUserSettings(text('60', '5'))).to.deep.equal(everything);
    expect(parseUserSettings(text('60', '5').replaceAll('\n', '\r\n'))).to.deep.equal(everything);
    for (const noise of [
      '',
      '\n\n',
      'serveraliveinterval',
      '\0',
      'serveraliveinterval  ',
      ' x y',
    ]) {
      expect(parseUserSettings(noise), JSON.stringify(noise)).to.deep.equal(nothing);
    }
  });
});

describe('The options of openssh', () => {
  const wrong: readonly (readonly [options: unknown, text: RegExp])[] = [
    [undefined, /Option "host" must be a string, got undefined/],
    [{ host: 'h' }, /Option "command" must be a string, got undefined/],
    [{ ...good, command: '' }, /Option "command" must not be empty/],
    [{ ...good, command: 'a\0b' }, /Option "command" must not be empty or have a NUL/],
    [{ ...good, host: '-oProxyCommand=x' }, /Option "host" must be a host name or an address/],
    [{ ...good, host: 'u@h' }, /Option "host" must be a host name/],
    [{ ...good, host: 'h;x' }, /Option "host" must be a host name/],
    [{ ...good, host: '$(x)' }, /Option "host" must be a host name/],
    [{ ...good, host: 'h\n' }, /Option "host" must be a host name/],
    [{ ...good, user: '-l' }, /Option "user" must be of letters, digits/],
    [{ ...good, user: 'a b' }, /Option "user" must be of letters/],
    [{ ...good, user: '`x`' }, /Option "user" must be of letters/],
    [{ ...good, user: "a'b" }, /Option "user" must be of letters/],
    [{ ...good, user: 'a\n' }, /Option "user" must be of letters/],
    [{ ...good, port: 0 }, /Option "port" must be a whole number from 1 to 65535/],
    [{ ...good, args: '-v' }, /Option "args" must be an array of strings/],
    [{ ...good, args: [7] }, /Option "args" must be a string, got 7/],
    [{ ...good, batchMode: 'no' }, /Option "batchMode" must be a boolean/],
    [{ ...good, connectTimeoutMs: 0 }, /Option "connectTimeoutMs" must be/],
    [{ ...good, keepaliveCount: 0 }, /Option "keepaliveCount" must be/],
    [{ ...good, password: 'x' }, /Unknown openssh option "password"/],
  ];

  for (const [options, text] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      const failing = (): unknown => openssh(options as OpensshOptions);
      const error = await expectFailure(failing, 'ERR_HOLDFAST_OPTION', text);
      expect(error.final).to.equal(true);
    });
  }

  const urls: readonly (readonly [url: string, address: string])[] = [
    ['openssh://h/?command=a', 'openssh://h/?command=a'],
    ['openssh://u@h:22/?command=a%20b', 'openssh://u@h:22/?command=a%20b'],
    ['openssh://my_alias?command=a&configFile=/c', 'openssh://my_alias/?command=a'],
    ['openssh://u@[fe80::1]/?command=a', 'openssh://u@[fe80::1]/?command=a'],
  ];

  for (const [url, address] of urls) {
    it(`takes the URL ${url}`, () => {
      expect(mediumFromUrl(url).address).to.equal(address);
    });
  }

  const badUrls: readonly (readonly [url: string, text: RegExp])[] = [
    ['openssh://h', /the command is missing: openssh:\/\/host\/\?command=/],
    ['openssh://h/x?command=a', /an openssh URL has no path/],
    ['openssh://u:p@h/?command=a', /a password does not belong into a URL/],
    ['openssh://h/?command=a&unknownHost=accept-new', /unknown parameter "unknownHost"/],
    ['openssh://-v/?command=a', /Option "host" must be a host name/],
    ['openssh://-l@h/?command=a', /Option "user" must be of letters/],
    ['openssh://h/?command=', /Option "command" must not be empty/],
    ['openssh://%2DoProxyCommand/?command=a', /Option "host" must be a host name/],
    ['openssh://%2Dl@h/?command=a', /Option "user" must be of letters/],
    ['openssh://h%0A/?command=a', /Option "host" must be a host name/],
    ['openssh://u%0A@h/?command=a', /Option "user" must be of letters/],
    ['openssh://h\n-v/?command=a', /it has a line break or a tab/],
    ['openssh://h/?command=a\nb', /it has a line break or a tab; write it as %0A, %0D or %09/],
  ];

  for (const [url, text] of badUrls) {
    it(`refuses the URL ${JSON.stringify(url)} and says why`, () => {
      expect(() => mediumFromUrl(url)).to.throw(text);
    });
  }
});
