import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Listening, memory, tcp, unix } from '../../lib/index.ts';
import { keepingFile } from '../../lib/media/socket-file.ts';
import { tls } from '../../lib/media/tls.ts';
import { authority, here } from '../support/tls-bench.ts';

describe('A listener that lets go of its socket', () => {
  let folder: string;
  let path: string;
  let listenings: Listening[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    path = join(folder, 'socket');
    listenings = [];
  });

  afterEach(async () => {
    await Promise.all(listenings.map((listening) => listening.close()));
    await rm(folder, { recursive: true });
  });

  async function listen(listener = unix({ path })): Promise<Listening> {
    const listening = await listener.listen((channel) => channel.destroy());
    listenings.push(listening);
    return listening;
  }

  it('says which socket it is, until it has let go', async () => {
    for (const listener of [tcp({ port: 0 }), unix({ path }), tls({ port: 0, ...identity })]) {
      const listening = await listen(listener);
      expect(listening.socket).to.deep.include({ address: listener.address });
      expect(listening.socket?.fd).to.be.above(2);
      await listening.release?.();
      expect(listening.socket).to.equal(undefined);
      await unlinkIfThere();
    }
    const inside = await memory().listen(() => {});
    expect(inside).to.not.have.any.keys('socket', 'release');
    await inside.close();
  });

  it('takes nothing any more', async () => {
    const listening = await listen(tcp({ port: 0 }));
    await listening.release?.();
    const port = Number(new URL(listening.url).port);
    expect(await codeOfDial({ port, host: '127.0.0.1' })).to.equal('ECONNREFUSED');
  });

  it('leaves the file of a Unix socket, which is the same one', async () => {
    const listening = await listen();
    const { ino, mode } = lstatSync(path);
    const releasing = listening.release?.();
    // In the very turn: it is never missing for longer.
    expect(lstatSync(path)).to.include({ ino, mode });
    expect(readdirSync(folder)).to.deep.equal(['socket']);
    await releasing;
    await listening.close();
    await listening.release?.();
    expect(lstatSync(path).ino).to.equal(ino);
  });

  it('leaves what somebody else has put there', async () => {
    const listening = await listen();
    unlinkSync(path);
    writeFileSync(path, 'precious');
    await listening.release?.();
    expect(await readFile(path, 'utf8')).to.equal('precious');
    expect(readdirSync(folder)).to.deep.equal(['socket']);
  });

  it('puts no file where there is none any more', async () => {
    const listening = await listen();
    unlinkSync(path);
    await listening.release?.();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  describe('when it is closed instead', () => {
    it('leaves a file alone that is not its own', async () => {
      const listening = await listen();
      unlinkSync(path);
      const other = await listen();
      const { ino } = lstatSync(path);
      await listening.close();
      expect(lstatSync(path).ino).to.equal(ino);
      expect(await codeOfDial({ path })).to.equal('');
      await other.close();
      expect(existsSync(path)).to.equal(false);
    });

    it('leaves one alone that is no socket', async () => {
      const listening = await listen();
      unlinkSync(path);
      await writeFile(path, 'precious', { mode: 0o400 });
      await listening.close();
      expect(await readFile(path, 'utf8')).to.equal('precious');
      expect(readdirSync(folder)).to.deep.equal(['socket']);
    });
  });

  describe('and whose file Node removes meanwhile', () => {
    /** As Node does it: whatever is there is gone. */
    function close(): void {
      unlinkSync(path);
    }

    it('does not overwrite what came there in that moment', async () => {
      writeFileSync(path, 'old');
      keepingFile(path, () => {
        close();
        writeFileSync(path, 'new');
      });
      expect(await readFile(path, 'utf8')).to.equal('new');
      expect(readdirSync(folder)).to.deep.equal(['socket']);
    });

    it('does without a second name for a file that cannot have one', () => {
      // A folder cannot, on any system.
      mkdirSync(path);
      expect(() => linkSync(path, `${path}.x`)).to.throw();
      keepingFile(path, () => {
        expect(existsSync(path)).to.equal(false);
      });
      expect(lstatSync(path).isDirectory()).to.equal(true);
      expect(readdirSync(folder)).to.deep.equal(['socket']);
    });

    it('closes also where it may change nothing in the folder', async () => {
      await writeFile(path, 'x');
      await chmod(folder, 0o555);
      let isClosed = false;
      try {
        withoutPrivileges(() => {
          keepingFile(path, () => {
            isClosed = true;
          });
        });
      } finally {
        await chmod(folder, 0o755);
      }
      expect(isClosed).to.equal(true);
      expect(readdirSync(folder)).to.deep.equal(['socket']);
    });
  });

  it('finishes the TLS handshakes that have begun', async () => {
    let accepted = 0;
    const listening = await tls({ port: 0, ...identity }).listen((channel) => {
      accepted++;
      channel.destroy();
    });
    listenings.push(listening);
    const begun = connections(20);
    const dials = Array.from({ length: 20 }, () =>
      tls({ port: Number(new URL(listening.url).port), ca: authority.cert }).dial(
        new AbortController().signal,
      ),
    );
    await begun;
    const before = accepted;
    await listening.release?.();
    expect(accepted).to.equal(20);
    expect(before).to.be.below(20);
    for (const channel of await Promise.all(dials)) channel.destroy();
  });

  it('does not wait for a handshake for long', async function () {
    this.timeout(5_000);
    const listening = await listen(tls({ port: 0, ...identity }));
    const begun = connections(1);
    const socket = net.connect({ port: Number(new URL(listening.url).port) });
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await begun;
    await listening.release?.();
    await closed;
  });

  async function unlinkIfThere(): Promise<void> {
    await rm(path, { force: true });
  }
});

const identity = authority.issue(here);

/** Resolves when so many connections have reached servers of this process. */
function connections(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const note = (): void => {
      if (--left > 0) return;
      unsubscribe('net.server.socket', note);
      resolve();
    };
    subscribe('net.server.socket', note);
  });
}

/** An account that owns nothing here. */
const nobody = 65_534;

/** Runs something without root's power to do what permissions forbid. */
function withoutPrivileges(run: () => void): void {
  if (process.geteuid?.() !== 0) {
    run();
    return;
  }
  process.seteuid?.(nobody);
  try {
    run();
  } finally {
    process.seteuid?.(0);
  }
}

/** The code with which a dial fails; empty when it does not. */
function codeOfDial(target: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(target, () => {
      socket.destroy();
      resolve('');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}
