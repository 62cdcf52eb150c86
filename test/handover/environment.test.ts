import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import {
  type Environment,
  environmentFor,
  socketId,
  takeInheritance,
} from '../../lib/handover/environment.ts';
import { tcp } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';

const pid = '77';
const listenVariables = {
  LISTEN_PID: pid,
  LISTEN_FDS: '1',
  LISTEN_FDNAMES: 'x',
  LISTEN_PIDFDID: '5',
};

/** What systemd would set, and other than that. */
const wrongs: readonly (readonly [what: string, wrong: Environment, text: RegExp])[] = [
  [
    'a count that is no number',
    { LISTEN_FDS: 'two' },
    /LISTEN_FDS must be a small number, got "two"/,
  ],
  ['a negative count', { LISTEN_FDS: '-1' }, /LISTEN_FDS must be a small number, got "-1"/],
  ['an empty count', { LISTEN_FDS: '' }, /LISTEN_FDS must be a small number, got ""/],
  ['an enormous count', { LISTEN_FDS: '10000' }, /LISTEN_FDS must be a small number/],
  [
    'more names than descriptors',
    { LISTEN_FDS: '1', LISTEN_FDNAMES: 'a:b' },
    /LISTEN_FDNAMES must have 1 names, as LISTEN_FDS says, got "a:b"/,
  ],
  [
    'descriptors that are not there',
    { LISTEN_FDS: '9000', LISTEN_FDNAMES: undefined },
    /descriptor \d+ of LISTEN_FDS=9000 is not a socket/,
  ],
];

describe('The variables that tell of inherited sockets', () => {
  it('are not there in most processes', () => {
    expect(takeInheritance({ PATH: '/bin' }, 77)).to.equal(undefined);
  });

  it('of systemd count only for the process that they name, and are removed in any case', () => {
    for (const LISTEN_PID of ['78', '', 'x', undefined]) {
      const environment: Environment = { PATH: '/bin', ...listenVariables, LISTEN_PID };
      expect(takeInheritance(environment, 77)).to.equal(undefined);
      expect(environment).to.deep.equal({ PATH: '/bin' });
    }
  });

  it('of systemd may say that there are none', () => {
    expect(takeInheritance({ LISTEN_PID: pid, LISTEN_FDS: '0' }, 77)).to.equal(undefined);
    expect(takeInheritance({ LISTEN_PID: pid }, 77)).to.equal(undefined);
  });

  for (const [what, wrong, text] of wrongs) {
    it(`of systemd are refused with ${what}, and removed`, async () => {
      const environment: Environment = { ...listenVariables, ...wrong };
      await expectFailure(() => takeInheritance(environment, 77), 'ERR_HOLDFAST_LISTEN', text);
      expect(environment).to.deep.equal({});
    });
  }

  it('of a predecessor come through as they were written, and those of systemd do not', async () => {
    const listening = await tcp({ port: 0 }).listen(() => {});
    const { fd = -1 } = listening.socket ?? {};
    const file = { path: '/run/x', id: '1:2' };
    const socket = { fd, url: listening.url, address: 'tcp://127.0.0.1:0', name: 'x', file };
    try {
      const id = socketId(fd) as string;
      const environment = environmentFor({ PATH: '/bin', ...listenVariables }, [socket], [id], fd);
      expect(Object.keys(environment)).to.deep.equal(['PATH', 'HOLDFAST_INHERIT']);
      const found = takeInheritance(environment, 77);
      expect(found).to.deep.equal({ from: 'predecessor', sockets: [socket], channel: fd });
      expect(environment).to.deep.equal({ PATH: '/bin' });
    } finally {
      await listening.close();
    }
  });

  it('of a predecessor are refused where the descriptors did not come with them', async () => {
    const listening = await tcp({ port: 0 }).listen(() => {});
    const file = openSync(tmpdir(), 'r');
    const { fd = -1 } = listening.socket ?? {};
    const id = socketId(fd) as string;
    const cases: readonly (readonly [fd: number, id: string, channel: number])[] = [
      [fd, '9:1', fd],
      [file, id, fd],
      [fd, id, file],
      [54_321, id, fd],
      [fd, id, 54_321],
    ];
    try {
      for (const [socket, its, channel] of cases) {
        const environment = environmentFor({}, [{ fd: socket }], [its], channel);
        await expectFailure(
          () => takeInheritance(environment, 77),
          'ERR_HOLDFAST_LISTEN',
          /the sockets that HOLDFAST_INHERIT names did not come through: .* "exec"/,
        );
        expect(environment).to.deep.equal({});
      }
    } finally {
      closeSync(file);
      await listening.close();
    }
  });

  for (const text of ['', 'x', 'null', '{}', '{"sockets":{},"channel":3}', '{"sockets":[]}']) {
    it(`of a predecessor are refused when they are ${JSON.stringify(text)}`, async () => {
      await expectFailure(
        () => takeInheritance({ HOLDFAST_INHERIT: text }, 77),
        'ERR_HOLDFAST_LISTEN',
        'HOLDFAST_INHERIT is not what holdfast writes',
      );
    });
  }
});
