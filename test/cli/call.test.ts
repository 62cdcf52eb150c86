import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Server, serve } from '../../lib/index.ts';
import { run, start } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { handlers, hanging, verbs } from '../support/served-module.ts';

describe('holdfast call', function () {
  this.timeout(60_000);
  let server: Server;
  let url: string;
  let secret: string | undefined;
  let credentials: unknown;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  });

  after(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    secret = undefined;
    server = await serve(verbs, handlers, {
      listen: 'tcp://127.0.0.1:0',
      authenticate: (given) => {
        credentials = given;
        if (secret !== undefined && given !== secret) throw new Error('who are you?');
        return 'ada';
      },
    });
    url = server.urls[0] as string;
  });

  afterEach(() => server.close());

  it('prints the reply as a line of JSON and exits with 0', async () => {
    expect(await run(['call', url, 'echo', '{"a":[1,"tea",null]}'])).to.deep.equal({
      out: '{"a":[1,"tea",null]}\n',
      err: '',
      code: 0,
    });
    expect(await run(['call', url, 'put', '"tea"'])).to.include({ out: 'null\n', code: 0 });
    expect(await run(['call', url, 'list'])).to.include({ out: '["tea"]\n', code: 0 });
  });

  it('reads the input from stdin', async () => {
    const input = '"as long as you like"';
    expect((await run(['call', url, 'echo', '-'], { input })).out).to.equal(`${input}\n`);
  });

  it('carries bytes: in JSON, as the input, and as the reply', async () => {
    const inJson = '{"bytes":{"$base64":"3q2+7w=="}}';
    expect((await run(['call', url, 'echo', inJson])).out).to.equal(`${inJson}\n`);
    const input = Buffer.from('no JSON {');
    const args = ['call', url, 'echo', '-', '--bytes'];
    expect((await run(args, { input })).out).to.equal(
      `{"$base64":"${input.toString('base64')}"}\n`,
    );
    expect((await run([...args, '--raw'], { input })).out).to.equal('no JSON {');
  });

  it('prints a text as it is with --raw', async () => {
    expect((await run(['call', url, 'echo', '"tea"', '--raw'])).out).to.equal('tea');
    expect((await run(['call', url, 'echo', '[1]', '--raw'])).out).to.equal('[1]\n');
  });

  it('prints the items of a stream as they come', async () => {
    expect(await run(['call', url, 'count', '3'])).to.deep.equal({
      out: '1\n2\n3\n',
      err: '',
      code: 0,
    });
  });

  it('reads the items of a stream from stdin, a line of JSON each', async () => {
    const input = '"tea"\n\n{"a":1}\n';
    expect(await run(['call', url, 'join'], { input })).to.deep.equal({
      out: '["tea",{"a":1}]\n',
      err: '',
      code: 0,
    });
    const shouted = await run(['call', url, 'shout', '--raw'], { input: '"tea"\n"milk"' });
    expect(shouted).to.include({ out: 'TEAMILK', code: 0 });
    const wrong = await run(['call', url, 'join'], { input: '"tea"\nmilk\n' });
    expect(wrong.err).to.include('A line of stdin is not JSON').and.not.include('quotes');
    expect(wrong.out).to.equal('');
    // The handler has begun: it cannot be said that nothing was done.
    expect(wrong.code).to.equal(4);
    expect(wrong.err).to.include('outcome: unknown').and.not.include('--help');
  });

  it('does not wait for more on stdin when the call is over', async () => {
    for (const how of [[], ['--chunks']]) {
      const { child, ended } = await start(['call', url, 'first', ...how]);
      child.stdin.write('"tea"\n');
      expect((await ended).code).to.equal(0);
    }
  });

  it('ends quietly, and the call with it, when nobody reads the items any more', async () => {
    const { child, line, ended } = await start(['call', url, 'count', '1000000000']);
    expect(await line()).to.equal('1');
    child.stdout.destroy();
    const { err, code } = await ended;
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
  });

  it('sends stdin as it comes with --chunks', async () => {
    const { out, code } = await run(['call', url, 'join', '--chunks'], { input: 'no JSON {' });
    expect({ out, code }).to.deep.equal({ out: '[{"$base64":"bm8gSlNPTiB7"}]\n', code: 0 });
  });

  it('exits with 1 when the handler failed, and tells what it said', async () => {
    const { out, err, code } = await run(['call', url, 'fail', '"no tea"']);
    expect({ out, code }).to.deep.equal({ out: '', code: 1 });
    expect(err).to.include('no tea').and.include('E_FAILED').and.include('{"at":3}');
    expect(err).to.include('outcome: executed');
  });

  it('tells machines of an error by an object on stderr', async () => {
    const { out, err, code } = await run(['call', url, 'fail', '"no tea"', '--json']);
    expect({ out, code }).to.deep.equal({ out: '', code: 1 });
    expect(JSON.parse(err)).to.deep.include({
      code: 'ERR_HOLDFAST_REMOTE',
      outcome: 'executed',
      verb: 'fail',
      remote: { code: 'E_FAILED', message: 'no tea', data: { at: 3 } },
      exitCode: 1,
    });
    const wrong = await run(['call', url, '--json']);
    expect(JSON.parse(wrong.err)).to.include({ code: 'ERR_HOLDFAST_OPTION', exitCode: 2 });
  });

  it('lets nothing through that a terminal would obey', async () => {
    const { err } = await run(['call', url, 'fail', '"\\u001b[2Jgone\\nholdfast: all is well"']);
    expect(err).to.include('gone holdfast: all is well').and.not.include('\u001b');
  });

  it('exits with 3 when the call was not executed, and says how often it was tried', async () => {
    const port = await freePort();
    const nobody = ['call', `tcp://127.0.0.1:${port}`, 'list', '--timeout', '300ms'];
    const absent = await run(nobody);
    expect(absent.code).to.equal(3);
    expect(absent.err).to.include('trying again for up to 300 ms').and.include('ECONNREFUSED');
    expect(absent.err).to.include('Is the server running');
    expect(JSON.parse((await run([...nobody, '--json'])).err)).to.include({
      outcome: 'not-executed',
      exitCode: 3,
    });
    const refused = await run(['call', url, 'refuse', '--replay', 'never']);
    expect(refused.code).to.equal(3);
    expect(refused.err).to.include('attempt 1: ').and.not.include('sent again');
    expect(refused.err).to.include('asks to wait for 10.0 ms');
  });

  it('exits with 5 when trying again cannot help, and says what can', async () => {
    const { code } = await run(['call', url, 'refuseForGood']);
    expect(code).to.equal(5);
    const unknown = await run(['call', url, 'lst']);
    expect(unknown.code).to.equal(5);
    expect(unknown.err).to.include('holdfast verbs URL');
  });

  it('exits with 4 when the call may have run', async () => {
    const { err, code } = await run(['call', url, 'hang', '--timeout', '1s']);
    expect(code).to.equal(4);
    expect(err).to.include('outcome: unknown').and.include('look before you make it again');
  });

  it('exits with 2 when it is used wrongly, before anything is done', async () => {
    const wrong: [args: string[], text: string][] = [
      [[], 'URL is missing'],
      [[url], 'VERB is missing'],
      [[url, 'echo', '1', '2'], '"2"'],
      [[url, 'put', "{'tea'}"], 'single quotes'],
      [[url, 'put', '{"$base64":"?"}'], 'base64'],
      [[url, 'put', '"x"', '--timout', '5s'], 'did you mean "--timeout"?'],
      [[url, 'put', '"x"', '--timeout', '5'], '500ms, 5s or 2m'],
      [[url, 'put', '"x"', '--timeout', '0s'], '500ms, 5s or 2m'],
      [[url, 'put', '"x"', '--timeout'], '--timeout TIME'],
      [[url, 'put', '"x"', '--timeout', '1s', '--timeout', '2s'], 'given 2 times'],
      [[url, 'put', '"x"', '--replay', 'idem'], 'never, read, idempotent, semi'],
      [[url, 'put', '"x"', '--json=yes'], 'takes no value'],
      [[url, 'put', '"x"', '--bytes', '--credentials', 'hunter2'], 'env:NAME or file:PATH'],
      [[url, 'put', '-5'], 'behind --'],
      [['tpc://127.0.0.1:1', 'put', '"x"'], 'did you mean "tcp"?'],
      [[url, 'put', '--bytes'], '--bytes needs INPUT'],
    ];
    for (const [args, text] of wrong) {
      const { out, err, code } = await run(['call', ...args]);
      expect({ out, code }, err).to.deep.equal({ out: '', code: 2 });
      expect(err).to.include(text).and.include('See holdfast call --help');
      expect(err).to.not.include('hunter2');
    }
    expect(server.routes()).to.deep.equal([]);
  });

  it('counts calls with one key as one', async () => {
    const args = ['call', url, 'pay', '700', '--key', 'invoice 12'];
    const { out } = await run(args);
    expect((await run(args)).out).to.equal(out);
    expect((await run(['call', url, 'pay', '-', '--key', 'b'], { input: '1' })).out).to.equal(
      `${Number(out) + 1}\n`,
    );
  });

  it('takes credentials from a variable or a file, and tells them to nobody', async () => {
    secret = 'hunter2';
    const file = join(folder, 'token');
    await writeFile(file, 'hunter2\n');
    const list = ['call', url, 'list', '--credentials'];
    expect((await run([...list, `file:${file}`])).code).to.equal(0);
    expect((await run([...list, 'env:TOKEN'], { env: { TOKEN: 'hunter2' } })).code).to.equal(0);
    const wrong = await run([...list, 'env:TOKEN'], { env: { TOKEN: 'hunter3' } });
    expect(wrong.code).to.equal(5);
    expect(wrong.err).to.include('--credentials env:NAME').and.not.include('hunter3');
    const unset = await run([...list, 'env:TOKEN']);
    expect(unset.code).to.equal(2);
    expect(unset.err).to.include('TOKEN');
    expect((await run([...list, `file:${file}.none`])).err).to.include('ENOENT');
  });

  it('takes credentials that are JSON', async () => {
    const args = ['call', url, 'list', '--credentials', 'env:TOKEN', '--credentials-json'];
    expect((await run(args, { env: { TOKEN: '{"user":"ada"}' } })).code).to.equal(0);
    expect(credentials).to.deep.equal({ user: 'ada' });
    const wrong = await run(args, { env: { TOKEN: 'hunter2' } });
    expect(wrong.code).to.equal(2);
    expect(wrong.err).to.include('env:TOKEN').and.not.include('hunter2');
  });

  it('gives the call up at Ctrl-C, tells the handler, and says what is known', async () => {
    const hangs = once(hanging, 'hangs') as Promise<[AbortSignal]>;
    const { child, ended } = await start(['call', url, 'hang']);
    const [signal] = await hangs;
    const aborted = once(signal, 'abort');
    child.kill('SIGINT');
    await aborted;
    const { err, code } = await ended;
    expect(code).to.equal(4);
    expect(err).to.include('outcome: unknown');
  });
});
