import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { type Running, run, servedModule, start } from '../support/command.ts';
import { verbs } from '../support/served-module.ts';

describe('holdfast serve', function () {
  this.timeout(60_000);
  let folder: string;
  let module: string;
  let running: Running | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    module = await servedModule();
  });

  after(() => rm(folder, { recursive: true }));

  afterEach(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    running = undefined;
  });

  /** Starts it; gives the first address. */
  async function serve(
    args: readonly string[] = ['--listen', 'tcp://127.0.0.1:0'],
    env: Readonly<Record<string, string>> = {},
    file = module,
  ): Promise<[Running, string]> {
    running = await start(['serve', file, ...args], { env, input: '' });
    const [, url = ''] = /^listening at (.*)$/.exec(await running.line()) ?? [];
    return [running, url];
  }

  it('serves the verbs of a module with its options, and says where', async () => {
    const path = `unix:${join(folder, 'a.sock')}`;
    const args = ['--listen', 'tcp://127.0.0.1:0', '--listen', path];
    const [{ line }, url] = await serve(args, { SECRET: 'x' });
    expect(url).to.match(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(await line()).to.equal(`listening at ${path}`);
    const client = connect([path], verbs, { credentials: 'x' });
    expect(await client.call.echo('tea')).to.equal('tea');
    await client.close();
    expect((await run(['call', url, 'list', '--timeout', '5s'])).code).to.equal(5);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`drains at ${signal}, and exits with 0`, async () => {
      const [{ child, ended }, url] = await serve();
      const client = connect(url, verbs);
      await client.call.list();
      child.kill(signal);
      const { code, err } = await ended;
      expect({ code, err }).to.deep.equal({ code: 0, err: '' });
      await client.close();
    });
  }

  it('names the calls that its end cut off, and exits with 1', async () => {
    const listen = ['--listen', 'tcp://127.0.0.1:0'];
    const [{ child, line, ended }, url] = await serve([...listen, '--drain-timeout', '100ms'], {
      HANGING: '1',
    });
    const client = connect(url, verbs);
    const hanging = client.call.hang().catch((error: unknown) => error);
    expect(await line()).to.equal('hangs');
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).to.equal(1);
    expect(err).to.include('"hang"').and.include('cut off');
    client.destroy();
    expect(await hanging).to.include({ outcome: 'unknown' });
  });

  it('hands over to a successor at SIGHUP, and no call is lost', async () => {
    const [{ child, line, ended }, url] = await serve();
    const client = connect(url, verbs);
    expect(await client.call.pid()).to.equal(child.pid);
    const exited = once(child, 'exit');
    child.kill('SIGHUP');
    expect(await line()).to.equal(`listening at ${url}`);
    const [, pid = ''] = /^handed over to process (\d+)$/.exec(await line()) ?? [];
    expect(await exited).to.deep.equal([0, null]);
    expect(await client.call.pid()).to.equal(Number(pid));
    await client.close();
    process.kill(Number(pid), 'SIGTERM');
    expect((await ended).err).to.equal('');
  });

  it('tells of handlers that fail', async () => {
    const [{ child, ended }, url] = await serve();
    const client = connect(url, verbs);
    await client.call.fail('no\u001b tea').catch(() => {});
    await client.close();
    child.kill('SIGTERM');
    const { err } = await ended;
    expect(err).to.match(/the handler of "fail" failed: Error: no\S tea\n +at /);
    expect(err).to.not.include('\u001b');
  });

  it('tells its figures with --expose-routes', async () => {
    const [, url] = await serve(['--listen', 'tcp://127.0.0.1:0', '--expose-routes']);
    expect((await run(['top', url])).code).to.equal(0);
  });

  it('tells machines of events, a line each', async () => {
    running = await start(['serve', module, '--listen', 'tcp://127.0.0.1:0', '--json']);
    const { child, line, ended } = running;
    const first = JSON.parse(await line());
    expect(first).to.include({ event: 'listening', pid: child.pid });
    expect(first.urls).to.have.length(1);
    child.kill('SIGTERM');
    expect(JSON.parse(await line())).to.deep.equal({ event: 'drained', cut: [] });
    expect((await ended).code).to.equal(0);
  });

  it('takes a default export too', async () => {
    const file = join(folder, 'default.mjs');
    const text = `import * as all from ${JSON.stringify(module)};\nexport default { verbs: all.verbs, handlers: all.handlers };\n`;
    await writeFile(file, text);
    const [, url] = await serve(undefined, {}, file);
    expect((await run(['call', url, 'list'])).out).to.equal('[]\n');
  });

  it('exits with 2 when the module will not do, and says why', async () => {
    const files = {
      'empty.mjs': 'export const verb = {};',
      'broken.mjs': 'export const verbs = {};\nthrow new Error("no database");',
      'syntax.mjs': 'export const verbs = {',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const listen = ['--listen', 'tcp://127.0.0.1:0'];
    const wrong: [args: string[], text: string][] = [
      [[join(folder, 'none.mjs'), ...listen], 'There is no module'],
      [[join(folder, 'empty.mjs'), ...listen], 'must export "verbs"; did you mean "verb"?'],
      [[join(folder, 'broken.mjs'), ...listen], 'no database'],
      [[join(folder, 'syntax.mjs'), ...listen], 'Cannot load'],
      [[module], '--listen is missing'],
      [[module, '--listen', 'tcp://127.0.0.1'], 'the port is missing'],
    ];
    for (const [args, text] of wrong) {
      const { out, err, code } = await run(['serve', ...args]);
      expect({ out, code }, err).to.deep.equal({ out: '', code: 2 });
      expect(err).to.include(text);
    }
    const broken = await run(['serve', join(folder, 'broken.mjs'), ...listen]);
    expect(broken.err).to.include('broken.mjs:2');
  });

  it('exits with 1 when it cannot listen', async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { err, code } = await run(['serve', module, '--listen', `tcp://127.0.0.1:${port}`]);
    await new Promise((resolve) => other.close(resolve));
    expect(code).to.equal(1);
    expect(err).to.include(`127.0.0.1:${port}`).and.include('port 0');
  });
});
