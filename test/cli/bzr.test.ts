import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { branchAt } from '../../lib/cli/bzr/address.ts';
import { readRevision } from '../../lib/cli/bzr/revision.ts';
import { encodeList } from '../../lib/protocols/bzr/bencode.ts';
import { answerOf, BzrPeer, type PeerRequest } from '../support/bzr-peer.ts';
import { run } from '../support/command.ts';

describe('The address of a branch', () => {
  const places: readonly (readonly [url: string, medium: string, path: string])[] = [
    ['bzr://host/a/b', 'tcp://host:4155', '/a/b'],
    ['bzr://host:1/a%20b/', 'tcp://host:1', '/a b/'],
    ['tcp://[::1]:5/x', 'tcp://[::1]:5', '/x'],
    [
      'bzr+ssh://me@host/srv/x',
      'openssh://…@host/?command=bzr%20serve%20--inet%20--directory%3D%2F',
      '/srv/x',
    ],
    [
      'openssh://host:22/x',
      'openssh://host:22/?command=bzr%20serve%20--inet%20--directory%3D%2F',
      '/x',
    ],
    ['/srv/x', 'pipe:?command=bzr&arg=serve&arg=--inet&arg=--directory%3D/', '/srv/x'],
  ];
  for (const [url, medium, path] of places) {
    it(`is ${path} at ${medium}: ${url}`, () => {
      const branch = branchAt(url, 'bzr');
      expect([branch.path, canonical(branch.medium.address)]).to.deep.equal([
        path,
        canonical(medium),
      ]);
    });
  }

  /** Without what may be written in two ways. */
  function canonical(address: string): string {
    return decodeURIComponent(address.replaceAll('+', '%20'));
  }

  for (const url of [
    'http://x/y',
    'trunk',
    'bzr://h/%',
    'tcp://',
    'bzr://u@h/x',
    'tcp://h:1/x?y=z',
  ]) {
    it(`is refused: ${url}`, () => {
      expect(() => branchAt(url, 'bzr'))
        .to.throw('Cannot use the URL')
        .with.property('code', 'ERR_HOLDFAST_URL');
    });
  }
});

/** A revision as a repository has it. */
function packed(fields: Readonly<Record<string, unknown>>): Buffer {
  return deflateSync(encodeList(Object.entries(fields) as never));
}

describe('A revision of Bazaar', () => {
  it('is read with the time that its author had', () => {
    const at = (timestamp: string, timezone: number): string =>
      readRevision(packed({ timestamp, timezone })).at;
    expect(at('1795328387.660', 0)).to.equal('2026-11-22 06:19:47 +0000');
    expect(at('0', 19_800)).to.equal('1970-01-01 05:30:00 +0530');
    expect(at('0', -34_200)).to.equal('1969-12-31 14:30:00 -0930');
    expect(at('never', 0)).to.equal('');
  });

  it('is refused when it is something else', () => {
    for (const bytes of [Buffer.from('x'), deflateSync('x'), deflateSync('ll1:aee')]) {
      expect(() => readRevision(bytes)).to.throw('The revision cannot be read');
    }
  });
});

describe('holdfast bzr', function () {
  this.timeout(60_000);
  let peer: BzrPeer;

  beforeEach(async () => {
    peer = await BzrPeer.start();
  });

  afterEach(() => peer.close());

  const answers: Readonly<Record<string, (request: PeerRequest) => Buffer>> = {
    'BzrDir.open_branchV3': () => answerOf(['branch', 'Format 7\n']),
    'Branch.last_revision_info': () => answerOf(['ok', '2', 'second']),
    'Branch.get_tags_bytes': () => answerOf([Buffer.from('d3:old5:ghost2:v15:firste')]),
    'Branch.revision_id_to_revno': ({ args: [, id = ''] }) =>
      id === 'first' ? answerOf(['ok', '1']) : answerOf(['NoSuchRevision', id], { status: 'E' }),
    'BzrDir.find_repositoryV3': () => answerOf(['ok', '..', 'yes', 'yes', 'yes', 'F']),
    'Repository.iter_revisions': ({ args: [path], body }) => {
      expect(path).to.equal('/');
      const parents = body === 'second' ? ['first'] : [];
      const revision = packed({
        ...{ committer: 'Ada', timestamp: '0', timezone: 0, message: `The ${body}\n\nMore` },
        ...{ 'revision-id': body, 'parent-ids': parents },
      });
      return answerOf(['ok', '10'], { body: [revision] });
    },
  };

  it('shows the last revisions and the tags', async () => {
    peer.answer = (request) => answers[request.verb]?.(request);
    const { out, err, code } = await run(['bzr', `${peer.url}/trunk`]);
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
    expect(out).to.equal(`/trunk/: Format 7
Revision 2: second

TAG  REVISION  ID
old         ?  ghost
v1          1  first

REVISION  AT                         BY   WHAT
       2  1970-01-01 00:00:00 +0000  Ada  The second
       1  1970-01-01 00:00:00 +0000  Ada  The first
`);
    const json = await run(['bzr', `${peer.url}/trunk`, '--json', '--limit', '1']);
    const { log, tags, ...rest } = JSON.parse(json.out);
    expect(rest).to.deep.equal({
      ...{ path: '/trunk/', format: 'Format 7', number: 2, revisionId: 'second' },
    });
    expect([log.length, log[0].message, tags.length]).to.deep.equal([1, 'The second\n\nMore', 2]);
  });

  it('says when there is no more to show, and when there is nothing', async () => {
    const others: Readonly<Record<string, readonly [answer: Buffer, text: string]>> = {
      'Repository.iter_revisions': [answerOf(['ok', '10']), 'No more: the repository does not'],
      'Branch.last_revision_info': [answerOf(['ok', '0', 'null:']), 'No revisions\n'],
      'Branch.get_tags_bytes': [answerOf(['']), 'second\n\nREVISION'],
    };
    for (const [verb, [answer, text]] of Object.entries(others)) {
      peer.answer = (request) =>
        request.verb === verb ? answer : answers[request.verb]?.(request);
      const { out, code } = await run(['bzr', `${peer.url}/trunk`]);
      expect([code, out.includes(text)], out).to.deep.equal([0, true]);
    }
    peer.answer = (request) =>
      request.verb === 'Repository.iter_revisions'
        ? answerOf(['ok', '5'], { body: ['<xml>'] })
        : answers[request.verb]?.(request);
    expect((await run(['bzr', `${peer.url}/trunk`])).out).to.include('its revisions is older');
  });

  it('exits with what is known when it fails', async () => {
    peer.answer = () => answerOf(['nobranch'], { status: 'E' });
    const missing = await run(['bzr', `${peer.url}/none`]);
    expect([missing.code, missing.err]).to.deep.equal([1, missing.err]);
    expect(missing.err).to.include('There is no branch at /none/');
    peer.answer = () => answerOf(['ref', 'file:///elsewhere']);
    const other = await run(['bzr', `${peer.url}/light`]);
    expect(other.code).to.equal(2);
    expect(other.err).to.include('refers to one at file:///elsewhere');
    peer.answer = () => answerOf(['PermissionDenied', '/x'], { status: 'E' });
    const denied = await run(['bzr', `${peer.url}/x`, '--json']);
    expect([denied.code, JSON.parse(denied.err).remote.code]).to.deep.equal([
      1,
      'PermissionDenied',
    ]);
    expect((await run(['bzr', 'http://x/y'])).code).to.equal(2);
    peer.answer = () => undefined;
    const silent = await run(['bzr', `${peer.url}/x`, '--timeout', '300ms']);
    expect([silent.code, silent.err.includes('deadline')]).to.deep.equal([4, true]);
  });

  it('tells that a question is asked again', async () => {
    let isCut = true;
    peer.answer = (request, socket) => {
      if (!isCut) return answers[request.verb]?.(request);
      isCut = false;
      socket.destroy();
      return undefined;
    };
    const { err, code } = await run(['bzr', `${peer.url}/trunk`]);
    expect(code).to.equal(0);
    expect(err).to.include('"BzrDir.open_branchV3" is sent again (attempt 2)');
  });
});
